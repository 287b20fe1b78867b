//! The network against PyTorch (`tests/reference/sasrec.py` writes what is compared with), and the
//! packing of histories.

use super::network::{Block, Network, Said, Shape, matrix};
use super::sequences::{pack, windows};
use super::step::{Given, gradients, look_up};
use semrec_train::{Dropout, Parameters, training_device, values};
use serde_json::Value;

/// Units of semantic ids with a vector, in the networks that have them.
const UNITS: usize = 5;
const SIZES: (usize, usize, usize, usize, usize, usize) = (9, 4, 6, 2, 7, 2);

#[expect(clippy::cast_possible_truncation, reason = "what is compared is f32")]
fn number(value: &Value) -> f32 {
    value.as_f64().unwrap() as f32
}

fn floats(value: &Value) -> Vec<f32> {
    let values = value.as_array().unwrap();
    values.iter().map(number).collect()
}

fn near(got: &[f32], want: &[f32], what: &str) {
    assert_eq!(got.len(), want.len(), "{what}");
    let size = want.iter().fold(1e-3f32, |m, x| m.max(x.abs()));
    for (g, w) in got.iter().zip(want) {
        assert!((g - w).abs() <= 3e-5 * size, "{what}: {g}, expected {w}");
    }
}

#[test]
fn states_loss_and_gradients_of_packed_histories_are_those_of_pytorch_one_by_one() {
    let golden: Value =
        serde_json::from_str(include_str!("../../tests/reference/sasrec.json")).unwrap();
    let lists =
        |name: &str| -> Vec<Vec<u32>> { serde_json::from_value(golden[name].clone()).unwrap() };
    let whole: Vec<Vec<u32>> = lists("histories")
        .into_iter()
        .zip(lists("targets"))
        .map(|(mut history, targets)| {
            history.extend(targets.last());
            history
        })
        .collect();
    let histories: Vec<&[u32]> = whole.iter().map(Vec::as_slice).collect();
    let (items, text, dim, heads, length, blocks) = SIZES;
    for network in golden["networks"].as_array().unwrap() {
        let units: Vec<u32> = serde_json::from_value(network["units"].clone()).unwrap();
        let units = Some(units).filter(|units| !units.is_empty());
        let shape = Shape {
            units: units.as_ref().map_or(0, |_| UNITS),
            block: serde_json::from_value::<Block>(network["block"].clone()).unwrap(),
            items,
            text,
            dim,
            heads,
            blocks,
            length,
            ids: true,
            temperature: number(&network["temperature"]),
        };
        let mut parameters = Parameters::default();
        for array in super::layout::arrays(&shape) {
            let given = floats(&network["parameters"][&array.name]);
            parameters
                .add(&array.name, &array.shape, given, true)
                .unwrap();
        }
        let device = training_device();
        let white = floats(&network["text"]);
        let said = Said::on(&device, Some((&white, text)), units.as_deref());
        let own = floats(&network["ids"]);
        let leaves = parameters.leaves(&device);
        let net = Network::new(&shape, &parameters, &leaves, &device);
        let table = net.table(Some(matrix(&own, 1, &device)), &said);
        let batch = pack(&histories, length, true);
        assert_eq!(batch.rows, 3, "4 + 2, 5 and 3 places");
        let rows = values(table.inner()).unwrap();
        let input = look_up(|item| &rows[item as usize * dim..][..dim], &batch.items);
        let mut none = Dropout::new(1, 1, 0.0, &device);
        let states = net
            .states(matrix(&input, dim, &device), &batch, &mut none)
            .unwrap();
        near(
            &values(states.inner()).unwrap(),
            &floats(&network["states"]),
            "states",
        );
        let given = Given {
            shards: &[
                pack(&histories[..1], length, true),
                pack(&histories[1..], length, true),
            ],
            own: Some(own),
            said: &said,
            negatives: &[],
            dropout: (1, 1, 0.0),
        };
        let (loss, gradients) = gradients(&shape, &parameters, &given, &device).unwrap();
        near(&[loss], &[number(&network["loss"])], "loss");
        for (array, gradient) in parameters.arrays().iter().zip(&gradients) {
            near(
                gradient,
                &floats(&network["gradients"][&array.name]),
                &array.name,
            );
        }
    }
}

#[test]
fn a_history_is_cut_into_windows_that_share_one_event_and_predict_each_other_once() {
    let history: Vec<u32> = (0..8).collect();
    let cut: Vec<&[u32]> = windows(&history, 3).collect();
    assert_eq!(cut, [&[4, 5, 6, 7][..], &[1, 2, 3, 4], &[0, 1]]);
    assert_eq!(windows(&[5], 3).count(), 0);
}

#[test]
fn a_place_sees_its_own_window_up_to_itself() {
    let batch = pack(&[&[7, 8], &[5, 6]], 4, false);
    assert_eq!((batch.rows, &batch.items[..]), (1, &[7, 8, 5, 6][..]));
    assert_eq!(
        (&batch.positions[..], &batch.places[..]),
        (&[0, 1, 0, 1][..], &[1, 3][..])
    );
    let seen: Vec<Vec<usize>> = batch
        .mask
        .chunks_exact(4)
        .map(|row| (0..4).filter(|&j| row[j] == 0.0).collect())
        .collect();
    assert_eq!(seen, [vec![0], vec![0, 1], vec![2], vec![2, 3]]);
}

#[test]
fn the_block_goes_with_the_length_of_the_histories() {
    assert_eq!(Block::default().or_for(99), Block::Frequency);
    assert_eq!(Block::default().or_for(100), Block::Hstu);
    assert_eq!(Block::Gated.or_for(200), Block::Gated);
}
