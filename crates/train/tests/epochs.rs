//! The loop over epochs: hand-worked steps, warm-up, early stopping, divergence, and a run that was
//! killed anywhere and goes on to the bit.

#![expect(clippy::unwrap_used, reason = "a test may fail at once")]

use semrec_train::{
    Decay, Learner, Measured, Method, News, Optimiser, Pace, Parameters, Run, RunFiles, Slope,
    TrainError, Warmup, train,
};
use std::cell::{Cell, RefCell};
use std::path::Path;

/// `½ (x - target)²` of each batch, one number; measured is how near `x` is to 1.
struct Parabola {
    targets: Vec<f32>,
    /// Batches looked at until it gives up.
    left: Cell<usize>,
    /// Whether its measure is no number.
    unmeasured: bool,
    steps: RefCell<Vec<(u64, u64)>>,
}

fn parabola(targets: &[f32]) -> Parabola {
    Parabola {
        targets: targets.to_vec(),
        left: Cell::new(usize::MAX),
        unmeasured: false,
        steps: RefCell::default(),
    }
}

impl Learner for Parabola {
    type Batch = f32;

    fn batches(&self, epoch: u64) -> Vec<f32> {
        let mut targets = self.targets.clone();
        let n = targets.len();
        targets.rotate_left(usize::try_from(epoch).unwrap() % n);
        targets
    }

    fn slope(&self, parameters: &Parameters, batch: &f32, step: u64) -> Result<Slope, TrainError> {
        if self.left.get() == 0 {
            return Err(TrainError::Device {
                problem: format!("killed in step {step}"),
            });
        }
        self.left.set(self.left.get() - 1);
        let away = parameters.arrays()[0].values[0] - batch;
        Ok(Slope {
            loss: away * away / 2.0,
            events: 1,
            gradients: vec![vec![away]],
        })
    }

    fn after_step(&self, _: &mut Parameters, gradients: &[Vec<f32>], step: u64, steps: u64) {
        assert_eq!(gradients[0].len(), 1);
        self.steps.borrow_mut().push((step, steps));
    }

    fn measure(&self) -> &'static str {
        "nearness"
    }

    fn validate(&self, parameters: &Parameters) -> Result<Measured, TrainError> {
        let x = parameters.arrays()[0].values[0];
        let value = -f64::from((x - 1.0).abs());
        Ok(Measured {
            value: if self.unmeasured { f64::NAN } else { value },
            also: vec![("validation/x".to_owned(), f64::from(x))],
        })
    }
}

fn pace(learning_rate: f32, method: Method) -> Pace {
    Pace {
        epochs: 3,
        patience: Some(9),
        learning_rate,
        warmup: Warmup::Share(0.0),
        decay: Decay::Constant,
        optimiser: Optimiser {
            method,
            weight_decay: 0.0,
            clip: 0.0,
        },
        keep_after: None,
        from_start: false,
    }
}

const SGD: Method = Method::Sgd { momentum: 0.0 };

fn start(x: f32) -> Parameters {
    let mut parameters = Parameters::default();
    parameters.add("x", &[1], vec![x], false).unwrap();
    parameters
}

fn nowhere() -> Run<'static> {
    Run::open(None, "", &(), &[]).unwrap()
}

/// From 0, targets 1 and 2 at the rate ½; epoch 1 begins with the second of them.
///
/// | epoch | x after each step | mean loss | x - 1 |
/// |---|---|---|---|
/// | 1 | 0 + ½·2 = 1, 1 + ½·0 = 1 | (2 + 0)/2 | 0 |
/// | 2 | 1 + 0 = 1, 1 + ½·1 = 1.5 | (0 + ½)/2 | 0.5 |
/// | 3 | 1.5 + ½·0.5 = 1.75, 1.75 - ½·0.75 = 1.375 | (0.125 + 0.28125)/2 | 0.375 |
#[test]
fn steps_and_measures_by_hand_and_the_best_epoch_is_kept() {
    let learner = parabola(&[1.0, 2.0]);
    let mut parameters = start(0.0);
    let told = RefCell::new(Vec::new());
    let tell = |news: &News<'_>| {
        if let News::Epoch {
            epoch,
            loss,
            measure,
            measured,
            ..
        } = news
        {
            assert_eq!(*measure, "nearness");
            told.borrow_mut().push((*epoch, *loss, measured.value));
        }
    };
    let pace = Pace {
        from_start: true,
        ..pace(0.5, SGD)
    };
    let best = train(&learner, &mut parameters, &pace, &tell, nowhere()).unwrap();
    let told = told.into_inner();
    assert_eq!((told[0].0, told[0].2), (0, -1.0));
    assert_eq!(
        told[1..],
        [(1, 1.0, 0.0), (2, 0.25, -0.5), (3, 0.203_125, -0.375)]
    );
    assert_eq!(best, Some((1, 0.0)));
    assert_eq!(parameters.arrays()[0].values, [1.0]);
    assert_eq!(learner.steps.borrow()[5], (6, 6));
}

/// Where every step leads away, patience ends the run, and what was there before is kept.
#[test]
fn what_only_gets_worse_ends_where_it_began() {
    let learner = parabola(&[9.0]);
    let mut parameters = start(1.0);
    let pace = Pace {
        epochs: 50,
        patience: Some(2),
        from_start: true,
        ..pace(0.5, SGD)
    };
    let best = train(&learner, &mut parameters, &pace, &|_| {}, nowhere()).unwrap();
    assert_eq!(best, Some((0, 0.0)));
    assert_eq!(parameters.arrays()[0].values, [1.0]);
    assert_eq!(learner.steps.borrow().len(), 2);
}

/// Half of the 4 steps warm up: rates 0, ½, then 1 down to 0 over two: 1, ½. The gradient is
/// `x - 8`: 0, 0 + ½·8 = 4, 4 + 4 = 8, 8.
#[test]
fn a_share_of_the_steps_warms_up() {
    let learner = parabola(&[8.0]);
    let mut parameters = start(0.0);
    let seen = RefCell::new(Vec::new());
    let tell = |news: &News<'_>| {
        if let News::Step { loss, step, .. } = news {
            seen.borrow_mut().push((*step, *loss));
        }
    };
    let pace = Pace {
        epochs: 4,
        warmup: Warmup::Share(0.5),
        decay: Decay::Linear,
        ..pace(1.0, SGD)
    };
    train(&learner, &mut parameters, &pace, &tell, nowhere()).unwrap();
    let losses: Vec<f64> = seen.into_inner().into_iter().map(|(_, l)| l).collect();
    assert_eq!(losses, [32.0, 32.0, 8.0, 0.0]);
}

#[test]
fn a_loss_that_is_no_number_says_where() {
    let learner = parabola(&[1.0, f32::NAN]);
    let run = |learner: &Parabola| {
        let pace = pace(0.5, SGD);
        train(learner, &mut start(0.0), &pace, &|_| {}, nowhere()).unwrap_err()
    };
    assert_eq!(
        run(&learner).to_string(),
        "training diverged in step 1: the loss of batch 1 of epoch 1 is not finite; lower the \
         learning rate"
    );
    let pace = pace(0.5, SGD);
    let learner = Parabola {
        unmeasured: true,
        ..parabola(&[1.0])
    };
    let error = train(&learner, &mut start(0.0), &pace, &|_| {}, nowhere()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "training diverged in step 1: the nearness of epoch 1 is not finite; lower the learning \
         rate"
    );
}

/// Killed after any number of batches, the same run ends with the same numbers.
#[test]
fn a_killed_run_goes_on_to_the_bit() {
    let pace = Pace {
        keep_after: Some(0.0),
        ..pace(0.1, Method::ADAMW)
    };
    let whole = |dir: &Path, left: usize| {
        let files = RunFiles { dir, now: &|| 1e9 };
        let run = Run::open(Some(files), "x", &7, &[]).unwrap();
        let learner = parabola(&[3.0, 0.5, 1.5, 2.0]);
        learner.left.set(left);
        let mut parameters = start(0.0);
        let best = train(&learner, &mut parameters, &pace, &|_| {}, run);
        (best, parameters)
    };
    let dir = tempfile::tempdir().unwrap();
    let (best, expected) = whole(dir.path(), usize::MAX);
    let best = best.unwrap();
    let curve = |dir: &Path| {
        let run = std::fs::read_dir(dir).unwrap().next().unwrap().unwrap();
        std::fs::read_to_string(run.path().join("curve.csv")).unwrap()
    };
    let drawn = curve(dir.path());
    assert!(
        drawn.contains("\n4,1,validation/nearness,") && drawn.contains("\n12,3,train/loss,"),
        "{drawn}"
    );
    for killed in 0..12 {
        let dir = tempfile::tempdir().unwrap();
        let (error, _) = whole(dir.path(), killed);
        assert!(error.is_err());
        let (again, parameters) = whole(dir.path(), 12 - killed);
        assert_eq!((again.unwrap(), &parameters), (best, &expected), "{killed}");
        assert_eq!(curve(dir.path()), drawn, "{killed}");
    }
}
