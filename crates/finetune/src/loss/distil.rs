//! How far a student's vectors are from a teacher's.
//!
//! ```text
//! L = 1/n Σ (1 - ŝ·t̂),   ŝ = s/‖s‖,   ∂L/∂s = (ŝ (ŝ·t̂) - t̂)/(n ‖s‖)
//! ```
//!
//! Between unit vectors this is half of the squared distance of Reimers and Gurevych 2020. A vector
//! of zeros has no direction: its cosine is 0, and its gradient too.

use super::single;

/// A loss and its gradient.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Distance {
    /// The mean.
    pub(crate) loss: f32,
    /// `∂L/∂s`, as long as the student's vectors.
    pub(crate) student: Vec<f32>,
}

/// The mean of 1 less the cosine of each vector of `student` with that of `teacher`, both
/// `[n, dim]`.
///
/// # Panics
/// If they are not of one size.
pub(crate) fn cosine_distance(student: &[f32], teacher: &[f32], dim: usize) -> Distance {
    assert_eq!(student.len(), teacher.len(), "vectors of one size");
    let n = (student.len() / dim).max(1) as f64;
    let dot = |a: &[f32], b: &[f32]| -> f64 {
        let both = a.iter().zip(b);
        both.map(|(&x, &y)| f64::from(x) * f64::from(y)).sum()
    };
    let mut out = Distance {
        loss: 0.0,
        student: vec![0.0; student.len()],
    };
    let mut sum = 0.0;
    for ((s, t), gradient) in (student.chunks_exact(dim))
        .zip(teacher.chunks_exact(dim))
        .zip(out.student.chunks_exact_mut(dim))
    {
        let (of_s, of_t) = (dot(s, s).sqrt(), dot(t, t).sqrt());
        if of_s == 0.0 || of_t == 0.0 {
            sum += 1.0;
            continue;
        }
        let cosine = dot(s, t) / (of_s * of_t);
        sum += 1.0 - cosine;
        for ((g, &s), &t) in gradient.iter_mut().zip(s).zip(t) {
            *g = single((f64::from(s) / of_s * cosine - f64::from(t) / of_t) / (n * of_s));
        }
    }
    out.loss = single(sum / n);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::loss::golden::{floats, near, number, section};

    #[test]
    fn the_distance_and_its_gradient_are_those_of_pytorch() {
        let golden = section("distil");
        let (student, teacher) = (floats(&golden["student"]), floats(&golden["teacher"]));
        let got = cosine_distance(&student, &teacher, 6);
        near(&[got.loss], &[number(&golden["cosine"]["loss"])], "cosine");
        near(
            &got.student,
            &floats(&golden["cosine"]["student"]),
            "cosine",
        );
    }

    #[test]
    fn a_vector_without_direction_is_left_alone() {
        let got = cosine_distance(&[0.0, 0.0, 3.0, 0.0], &[1.0, 0.0, 0.0, 1.0], 2);
        // Both cosines are 0. The gradient of the second is -t̂/(2·3).
        assert_eq!(got.loss, 1.0);
        near(&got.student, &[0.0, 0.0, 0.0, -1.0 / 6.0], "student");
    }
}
