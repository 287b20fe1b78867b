//! AdaLoRA within a training: the penalty beside every loss, and the cut after every step
//! ([`crate::adalora`]).

use crate::adalora::{Budget, Change, allocate, orthogonality};
use crate::{AdaLora, FinetuneError, Method};
use semrec_train::Parameters;

/// The changes whose ranks are cut.
#[derive(Clone, Debug)]
pub(crate) struct Ranks {
    config: AdaLora,
    changes: Vec<Change>,
}

impl Ranks {
    /// Finds the changes among the parameters, and adds their state; `None` for other methods.
    pub(crate) fn of(
        method: &Method,
        parameters: &mut Parameters,
    ) -> Result<Option<Self>, FinetuneError> {
        let Method::AdaLora(config) = method else {
            return Ok(None);
        };
        let place = |name: &str| parameters.arrays().iter().position(|a| a.name == name);
        let names = parameters.arrays().iter();
        let bases = names.filter_map(|a| a.name.strip_suffix(".lora_E"));
        let found: Vec<[usize; 3]> = bases
            .filter_map(|base| {
                let of = |part: &str| place(&format!("{base}.{part}"));
                Some([of("lora_B")?, of("lora_E")?, of("lora_A")?])
            })
            .collect();
        let changes = found
            .into_iter()
            .map(|places| Change::add(parameters, places));
        let changes: Vec<Change> = changes.collect::<Result<_, _>>()?;
        Ok(Some(Self {
            config: config.clone(),
            changes,
        }))
    }

    /// Adds the gradients of the penalty.
    pub(crate) fn penalise(&self, parameters: &Parameters, gradients: &mut [Vec<f32>]) {
        orthogonality(&self.changes, self.config.orthogonal, parameters, gradients);
    }

    /// Takes note of a step (of so many), and cuts.
    pub(crate) fn cut(
        &self,
        parameters: &mut Parameters,
        gradients: &[Vec<f32>],
        (step, steps): (u64, u64),
    ) {
        let budget = Budget::new(&self.config, self.changes.len(), steps);
        let mut values = parameters.snapshot();
        allocate(
            &self.changes,
            (&budget, &self.config),
            step,
            &mut values,
            gradients,
        );
        parameters.restore(values);
    }
}
