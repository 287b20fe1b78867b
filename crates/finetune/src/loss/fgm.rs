//! The fast gradient method: what the words' vectors are moved by to make the loss worse.
//!
//! `r = ε g/‖g‖`, with `g` the gradient by the words' vectors and its length taken over all rows
//! together, as it is done for BERT (Miyato et al. 2017 normalise the embeddings of one text).

use super::single;
use crate::Rows;

/// The perturbation of length `epsilon` along the gradient by the words' vectors, of the same
/// rows; none, if the gradient is 0 or not finite.
pub(crate) fn perturbation(gradient: &Rows, epsilon: f32) -> Rows {
    let values = gradient.values().flatten();
    let squares = values.map(|&x| f64::from(x) * f64::from(x));
    let length = squares.sum::<f64>().sqrt();
    if length == 0.0 || !length.is_finite() {
        return Rows::new();
    }
    let scale = single(f64::from(epsilon) / length);
    let moved = |row: &Vec<f32>| row.iter().map(|x| x * scale).collect();
    gradient
        .iter()
        .map(|(&token, row)| (token, moved(row)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::loss::golden::{floats, near, section};

    #[test]
    fn the_perturbation_has_length_epsilon_over_all_rows() {
        // ‖(3, 0), (0, 4)‖ = 5
        let gradient = Rows::from([(7, vec![3.0, 0.0]), (9, vec![0.0, 4.0])]);
        let got = perturbation(&gradient, 0.5);
        near(&got[&7], &[0.3, 0.0], "7");
        near(&got[&9], &[0.0, 0.4], "9");
        let none = Rows::from([(7, vec![0.0, 0.0])]);
        assert_eq!(perturbation(&none, 0.5), Rows::new());
        let lost = Rows::from([(7, vec![f32::NAN, 0.0])]);
        assert_eq!(perturbation(&lost, 0.5), Rows::new());
    }

    #[test]
    fn it_is_what_is_added_to_an_embedding_in_pytorch() {
        let golden = section("fgm");
        let (gradient, moved) = (floats(&golden["gradient"]), floats(&golden["moved"]));
        let rows: Rows = (0..).zip(gradient.chunks(4).map(<[f32]>::to_vec)).collect();
        let got: Vec<f32> = perturbation(&rows, 0.8).into_values().flatten().collect();
        near(&got, &moved, "moved");
    }
}
