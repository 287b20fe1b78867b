//! The pass back: from gradients by what a pass gave to gradients by the parameters.

use super::chunks::{Starts, chunks, drops_of, in_shards};
use super::drops::Site;
use super::slot::{Local, add};
use super::{Gradients, Manner, Network, Pass, Tape, Want};
use crate::Sequence;
use semrec_train::Parameters;

impl Network {
    /// Adds the gradients of `Σ slopes · values` of a pass.
    ///
    /// # Panics
    /// If the slopes are not as many as the values.
    pub fn backward(
        &self,
        parameters: &Parameters,
        pass: Pass<'_>,
        slopes: &[f32],
        gradients: &mut Gradients,
    ) {
        assert_eq!(slopes.len(), pass.values.len(), "a slope for each value");
        let (sequences, manner) = (pass.sequences, pass.manner);
        let arrays = parameters.arrays();
        gradients.arrays.resize(arrays.len(), Vec::new());
        let pooled;
        let slopes = match manner.want {
            Want::Vectors => {
                let kept = (pass.vectors, sequences);
                pooled = self.vectors_back(parameters, kept, slopes, gradients);
                &pooled
            }
            Want::States(_) => slopes,
        };
        if self.is_frozen() {
            return;
        }
        let chunks = chunks(sequences);
        let starts = Starts::of(sequences, manner.want, self.hidden());
        let wanted = gradients.words.is_some() || self.words_place().is_some();
        let local = || Local::new(arrays.len(), wanted);
        let (locals, _) = in_shards(pass.tapes, local, |i, tape, local| {
            let chunk = &chunks[i];
            let own = starts.gather(chunk, slopes);
            let tape = tape.unwrap_or_else(|| self.pass(parameters, sequences, chunk, manner).1);
            let part = (sequences, &chunk[..], manner);
            self.back(parameters, part, (tape, &own), local);
        });
        self.gather(parameters, locals, gradients);
    }

    /// Adds what the shards found, in their order.
    pub(super) fn gather(
        &self,
        parameters: &Parameters,
        locals: Vec<Local>,
        gradients: &mut Gradients,
    ) {
        for local in locals {
            for (to, from) in gradients.arrays.iter_mut().zip(local.arrays) {
                if to.is_empty() {
                    *to = from;
                } else if !from.is_empty() {
                    add(to, &from);
                }
            }
            let Some(rows) = local.words else { continue };
            if let Some(place) = self.words_place() {
                let array = &mut gradients.arrays[place];
                array.resize(parameters.arrays()[place].values.len(), 0.0);
                for (&token, row) in &rows {
                    add(&mut array[token as usize * row.len()..][..row.len()], row);
                }
            }
            if let Some(words) = &mut gradients.words {
                for (token, row) in rows {
                    match words.get_mut(&token) {
                        Some(to) => add(to, &row),
                        None => {
                            words.insert(token, row);
                        }
                    }
                }
            }
        }
    }

    /// One chunk backward.
    fn back(
        &self,
        parameters: &Parameters,
        (all, chunk, manner): (&[Sequence], &[usize], Manner<'_>),
        (tape, slopes): (Tape, &[f32]),
        local: &mut Local,
    ) {
        let h = self.hidden();
        let sequences: Vec<&Sequence> = chunk.iter().map(|&i| &all[i]).collect();
        let lengths: Vec<usize> = sequences.iter().map(|s| s.len()).collect();
        let drops = drops_of(chunk, &lengths, manner.noise);
        let mut slope = match manner.want {
            Want::Vectors => self.head.unpool((&lengths, &tape.states), slopes),
            Want::States(places) => {
                let mut slope = vec![0.0; lengths.iter().sum::<usize>() * h];
                let mut rows = slopes.chunks_exact(h);
                let mut first = 0;
                for (&i, len) in chunk.iter().zip(&lengths) {
                    for (&place, row) in places[i].iter().zip(rows.by_ref()) {
                        add(&mut slope[(first + place as usize) * h..][..h], row);
                    }
                    first += len;
                }
                slope
            }
        };
        let layers = self.layers.iter().enumerate().skip(self.from);
        for ((number, layer), tape) in layers.zip(&tape.layers).rev() {
            let on = self.through(parameters, (&lengths, &drops), number);
            slope = layer.backward(on, tape, slope, local);
        }
        if let Some(normed) = &tape.embedded
            && (local.words.is_some() || self.words_place().is_some())
        {
            drops.hidden(&mut slope, h, 0, Site::Embedding);
            let pair = (normed, &mut slope[..]);
            self.embedding.backward(parameters, &sequences, pair, local);
        }
    }
}
