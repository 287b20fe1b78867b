//! The items as the fitted model knows them, and how it reads those that come later.

use super::SasrecConfig;
use super::network::Shape;
use super::semantic::Units;
use crate::kernels::{add_rows, row_dot};
use crate::texts::{has_text, load_whitening, save_whitening};
use crate::{ModelError, Tensors};
use faer::linalg::matmul::matmul;
use faer::{Accum, MatMut, MatRef, Par};
use semrec_text::{Vectors, Whitening};
use semrec_train::Parameters;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Vectors of items.
#[derive(Clone, Debug)]
pub(super) struct Items {
    dim: usize,
    /// `[n_fitted, dim]`, zero for an item that is not known.
    fitted: Arc<Vec<f32>>,
    /// The rows of items that are new, or read otherwise, since.
    changed: BTreeMap<u32, Arc<[f32]>>,
    /// Whether it has training events, or a text that is read.
    known: Vec<bool>,
    /// The items with vectors of their own, in order.
    own: Arc<Vec<u32>>,
    /// `None` where nothing is read.
    reading: Option<Arc<Reading>>,
}

/// What was read of all items while fitting.
pub(super) struct Said<'a> {
    /// The whitened texts, facts beside them.
    pub(super) white: Option<&'a Vectors>,
    /// The units of each item's semantic id.
    pub(super) units: Option<&'a [Vec<u32>]>,
}

impl Items {
    /// `id + W t + Σ S` of all items, of unit length where the network compares directions; `items`
    /// are those with training events.
    pub(super) fn of(
        (parameters, shape): (&Parameters, &Shape),
        (n_items, items): (usize, &[u32]),
        said: &Said<'_>,
        reading: Option<Reading>,
    ) -> Self {
        let d = shape.dim;
        let mut vectors = vec![0.0f32; n_items * d];
        let mut known = vec![false; n_items];
        if let (Some(white), Some(map)) = (said.white, parameters.get("text")) {
            matmul(
                MatMut::from_row_major_slice_mut(&mut vectors, n_items, d),
                Accum::Replace,
                MatRef::from_row_major_slice(white.as_slice(), n_items, shape.text),
                MatRef::from_row_major_slice(&map.values, shape.text, d),
                1.0,
                Par::rayon(0),
            );
            for (row, known) in white.rows().zip(&mut known) {
                *known = has_text(row);
            }
        }
        if let (Some(units), Some(table)) = (said.units, parameters.get("semantic")) {
            let rows = vectors.chunks_exact_mut(d).zip(&mut known);
            for ((row, known), units) in rows.zip(units) {
                add_units(row, &table.values, units);
                *known |= !units.is_empty();
            }
        }
        let mut own = Vec::new();
        if let Some(ids) = parameters.get("items") {
            for (&item, id) in items.iter().zip(ids.values.chunks_exact(d)) {
                let row = &mut vectors[item as usize * d..][..d];
                row.iter_mut().zip(id).for_each(|(x, o)| *x += o);
                known[item as usize] = true;
            }
            own = items.to_vec();
        }
        if shape.temperature > 0.0 {
            vectors.chunks_exact_mut(d).for_each(to_unit_length);
        }
        Self {
            dim: d,
            fitted: Arc::new(vectors),
            changed: BTreeMap::new(),
            known,
            own: Arc::new(own),
            reading: reading.map(Arc::new),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.known.len()
    }

    pub(super) fn knows(&self, item: u32) -> bool {
        self.known.get(item as usize).is_some_and(|&known| known)
    }

    pub(super) fn vector(&self, item: u32) -> &[f32] {
        match self.changed.get(&item) {
            Some(row) => row,
            None => &self.fitted[item as usize * self.dim..][..self.dim],
        }
    }

    /// Products of states, `[states, dim]`, with all items, `[states, n_items]`; minus infinity for
    /// an item that is not known.
    pub(super) fn products(&self, states: &[f32], out: &mut [f32]) {
        let (n, d) = (self.len(), self.dim);
        let (rows, fitted) = (states.len() / d, self.fitted.len() / d);
        if n == 0 || rows == 0 {
            return;
        }
        matmul(
            // Turned on its side: faer 0.24.4 swaps the strides of rows that lie apart, not of columns.
            MatMut::from_column_major_slice_with_stride_mut(&mut *out, fitted, rows, n),
            Accum::Replace,
            MatRef::from_row_major_slice(&self.fitted, fitted, d),
            MatRef::from_row_major_slice(states, rows, d).transpose(),
            1.0,
            Par::rayon(0),
        );
        for (row, state) in out.chunks_exact_mut(n).zip(states.chunks_exact(d)) {
            for (&item, vector) in &self.changed {
                row[item as usize] = row_dot(state, vector);
            }
            for (score, &known) in row.iter_mut().zip(&self.known) {
                if !known {
                    *score = f32::NEG_INFINITY;
                }
            }
        }
    }

    /// The same over `n_items`, of which these have these texts now. An item with a vector of its
    /// own keeps what was learned of it until the next training. `None` where nothing is read.
    pub(super) fn renewed(&self, n_items: usize, items: &[u32], texts: &Vectors) -> Option<Self> {
        let reading = self.reading.as_ref()?;
        let mut renewed = self.clone();
        let silent: Arc<[f32]> = vec![0.0; self.dim].into();
        for item in (0u32..).take(n_items).skip(self.len()) {
            renewed.changed.insert(item, Arc::clone(&silent));
        }
        renewed.known.resize(n_items.max(self.len()), false);
        for (&item, text) in items.iter().zip(texts.rows()) {
            if self.own.binary_search(&item).is_err() {
                let read = reading.vector(text, self.dim);
                renewed.known[item as usize] = read.is_some();
                let row = read.map_or_else(|| Arc::clone(&silent), Arc::from);
                renewed.changed.insert(item, row);
            }
        }
        Some(renewed)
    }

    pub(super) fn save(&self, into: &mut Tensors) -> Result<(), ModelError> {
        let (n, d) = (self.len(), self.dim);
        let vectors = if self.changed.is_empty() {
            Arc::clone(&self.fitted)
        } else {
            let rows = (0u32..).take(n).map(|item| self.vector(item));
            Arc::new(rows.flatten().copied().collect())
        };
        into.put_f32("vectors", &[n, d], vectors)?;
        let known: Vec<u32> = (0u32..)
            .zip(&self.known)
            .filter_map(|(i, &k)| k.then_some(i))
            .collect();
        into.put_u32("known", &[known.len()], known)?;
        into.put_u32("own", &[self.own.len()], Arc::clone(&self.own))?;
        match &self.reading {
            Some(reading) => reading.save(into, d),
            None => Ok(()),
        }
    }

    pub(super) fn load(config: &SasrecConfig, tensors: &Tensors) -> Result<Self, ModelError> {
        let [n_items, dim] = tensors.shape("vectors")?;
        let fitted = tensors.shared_f32("vectors", &[n_items, config.dim])?;
        let listed = |name: &str| -> Result<Arc<Vec<u32>>, ModelError> {
            let [n] = tensors.shape(name)?;
            let items = tensors.shared_u32(name, &[n])?;
            match items.iter().find(|&&item| item as usize >= n_items) {
                None => Ok(items),
                Some(item) => Err(ModelError::Tensor {
                    name: name.to_owned(),
                    problem: format!("names item {item}, of {n_items} items with vectors of {dim}"),
                }),
            }
        };
        let mut known = vec![false; n_items];
        for &item in listed("known")?.iter() {
            known[item as usize] = true;
        }
        // A model from before new items were read has neither.
        let (own, reading) = if tensors.holds("own") {
            (listed("own")?, Reading::load(config, tensors)?)
        } else {
            (Arc::default(), None)
        };
        Ok(Self {
            dim,
            fitted,
            changed: BTreeMap::new(),
            known,
            own,
            reading: reading.map(Arc::new),
        })
    }
}

/// From the encoder's vector of a text to that of an item.
#[derive(Debug)]
pub(super) struct Reading {
    /// The whitening of the texts, and `W`, `[dim_out, dim]`.
    text: Option<(Whitening, Vec<f32>)>,
    /// The units of semantic ids, and `S`, `[units, dim]`.
    semantic: Option<(Units, Vec<f32>)>,
    /// Whether the network compares directions.
    directions: bool,
}

impl Reading {
    /// That of a trained network; `None` if it reads no text.
    pub(super) fn of(
        (parameters, shape): (&Parameters, &Shape),
        whitening: Option<Whitening>,
        units: Option<Units>,
    ) -> Option<Self> {
        let values = |name: &str| Some(parameters.get(name)?.values.clone());
        let text = whitening.zip(values("text")).map(|(whitening, mut map)| {
            // Below the texts' rows are those of facts, which later items are not known by.
            map.truncate(whitening.dim_out() * shape.dim);
            (whitening, map)
        });
        let semantic = units.zip(values("semantic"));
        (text.is_some() || semantic.is_some()).then_some(Self {
            text,
            semantic,
            directions: shape.temperature > 0.0,
        })
    }

    /// The vector of an item without one of its own; `None` if its text says nothing.
    fn vector(&self, text: &[f32], dim: usize) -> Option<Vec<f32>> {
        if !has_text(text) {
            return None;
        }
        let mut row = vec![0.0; dim];
        if let Some((whitening, map)) = &self.text {
            let white = whitening.apply_one(text);
            let rows: Vec<(usize, f32)> = white.into_iter().enumerate().collect();
            add_rows(&mut row, map, &rows);
        }
        if let Some((units, table)) = &self.semantic {
            let units = units.of(text);
            if units.is_empty() && self.text.is_none() {
                return None;
            }
            add_units(&mut row, table, &units);
        }
        if self.directions {
            to_unit_length(&mut row);
        }
        Some(row)
    }

    fn save(&self, into: &mut Tensors, dim: usize) -> Result<(), ModelError> {
        if let Some((whitening, map)) = &self.text {
            let mut part = Tensors::default();
            save_whitening(whitening, &mut part)?;
            part.put_f32("map", &[whitening.dim_out(), dim], map.clone())?;
            into.put_with_prefix("text.", part);
        }
        if let Some((units, table)) = &self.semantic {
            let mut part = Tensors::default();
            units.save(&mut part)?;
            part.put_f32("vectors", &[units.len(), dim], table.clone())?;
            into.put_with_prefix("semantic.", part);
        }
        Ok(())
    }

    fn load(config: &SasrecConfig, tensors: &Tensors) -> Result<Option<Self>, ModelError> {
        let dim = config.dim;
        let mut text = None;
        if tensors.holds("text.map") {
            let part = tensors.with_prefix("text.");
            let whitening = load_whitening(&part, usize::MAX)?;
            let map = part.shared_f32("map", &[whitening.dim_out(), dim])?;
            text = Some((whitening, map.to_vec()));
        }
        let mut semantic = None;
        // Where no two items share a unit there are none.
        if tensors.holds("semantic.vectors") {
            let part = tensors.with_prefix("semantic.");
            let units = Units::load(config.semantic, &part)?;
            let table = part.shared_f32("vectors", &[units.len(), dim])?;
            semantic = Some((units, table.to_vec()));
        }
        Ok((text.is_some() || semantic.is_some()).then_some(Self {
            text,
            semantic,
            directions: config.temperature > 0.0,
        }))
    }
}

/// Adds the rows of a table, `[units, dim]`.
fn add_units(row: &mut [f32], table: &[f32], units: &[u32]) {
    for &unit in units {
        let vector = &table[unit as usize * row.len()..][..row.len()];
        row.iter_mut().zip(vector).for_each(|(x, s)| *x += s);
    }
}

fn to_unit_length(row: &mut [f32]) {
    let length = row.iter().map(|x| x * x).sum::<f32>().sqrt();
    row.iter_mut()
        .for_each(|x| *x /= length.max(f32::MIN_POSITIVE));
}
