//! The curve of a run, written as it grows: `curve.csv`, and a TensorBoard event file beside it.
//!
//! A point is one row of the CSV (`step,epoch,name,value`) and one record of the event file: a
//! length, its masked CRC-32C, a protocol buffer `Event`, and its masked CRC-32C (TensorFlow's
//! `record_writer` and `event.proto`). A run that is taken up again goes on in both.

use crate::TrainError;
use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};

const CSV: &str = "curve.csv";
const EVENTS: &str = "events.out.tfevents.semrec";

/// One value measured during a run.
#[derive(Clone, Debug, PartialEq)]
pub struct Point {
    /// Optimiser steps done.
    pub step: u64,
    /// Epochs done.
    pub epoch: u64,
    /// What was measured, e.g. `train/loss` or `validation/ndcg@10`.
    pub name: String,
    /// Its value.
    pub value: f64,
    /// Seconds since 1970.
    pub time: f64,
}

/// The two files of a run.
#[derive(Debug)]
pub struct Curve {
    csv: (PathBuf, File),
    events: (PathBuf, File),
}

impl Curve {
    /// Opens the files in a directory, or makes them. `time` is in seconds since 1970.
    ///
    /// # Errors
    /// [`TrainError::Io`].
    pub fn open(dir: &Path, time: f64) -> Result<Self, TrainError> {
        std::fs::create_dir_all(dir).map_err(|source| TrainError::Io {
            path: dir.to_owned(),
            source,
        })?;
        let mut curve = Self {
            csv: appended(dir.join(CSV))?,
            events: appended(dir.join(EVENTS))?,
        };
        if curve.is_new()? {
            write(&mut curve.csv, b"step,epoch,name,value\n")?;
            write(&mut curve.events, &record(&version(time)))?;
        }
        Ok(curve)
    }

    /// Adds points to both files.
    ///
    /// # Errors
    /// [`TrainError::Io`].
    pub fn add(&mut self, points: &[Point]) -> Result<(), TrainError> {
        let mut lines = String::new();
        let mut records = Vec::new();
        for p in points {
            lines.push_str(&format!("{},{},{},{}\n", p.step, p.epoch, p.name, p.value));
            records.extend(record(&scalar(p)));
        }
        write(&mut self.csv, lines.as_bytes())?;
        write(&mut self.events, &records)
    }

    fn is_new(&self) -> Result<bool, TrainError> {
        let length = self.csv.1.metadata().map_err(|source| TrainError::Io {
            path: self.csv.0.clone(),
            source,
        })?;
        Ok(length.len() == 0)
    }
}

fn appended(path: PathBuf) -> Result<(PathBuf, File), TrainError> {
    match OpenOptions::new().create(true).append(true).open(&path) {
        Ok(file) => Ok((path, file)),
        Err(source) => Err(TrainError::Io { path, source }),
    }
}

fn write((path, file): &mut (PathBuf, File), bytes: &[u8]) -> Result<(), TrainError> {
    file.write_all(bytes).map_err(|source| TrainError::Io {
        path: path.clone(),
        source,
    })
}

/// A record of the event file around a message.
fn record(message: &[u8]) -> Vec<u8> {
    let length = (message.len() as u64).to_le_bytes();
    let mut out = Vec::with_capacity(message.len() + 16);
    out.extend(length);
    out.extend(masked(&length).to_le_bytes());
    out.extend(message);
    out.extend(masked(message).to_le_bytes());
    out
}

/// TensorFlow's mask: rotated, so that a checksum of data that hold checksums is no trivial one.
fn masked(bytes: &[u8]) -> u32 {
    crc32c::crc32c(bytes)
        .rotate_right(15)
        .wrapping_add(0xa282_ead8)
}

/// `Event { wall_time = 1, file_version = 3 }`.
fn version(time: f64) -> Vec<u8> {
    let mut event = Vec::new();
    double(&mut event, 1, time);
    bytes(&mut event, 3, b"brain.Event:2");
    event
}

/// `Event { wall_time = 1, step = 2, summary = 5 { value = 1 { tag = 1, simple_value = 2 } } }`.
fn scalar(point: &Point) -> Vec<u8> {
    let mut value = Vec::new();
    bytes(&mut value, 1, point.name.as_bytes());
    value.push(2 << 3 | 5);
    #[expect(clippy::cast_possible_truncation, reason = "the format holds an f32")]
    value.extend((point.value as f32).to_le_bytes());
    let mut summary = Vec::new();
    bytes(&mut summary, 1, &value);
    let mut event = Vec::new();
    double(&mut event, 1, point.time);
    event.push(2 << 3);
    varint(&mut event, point.step);
    bytes(&mut event, 5, &summary);
    event
}

fn double(out: &mut Vec<u8>, field: u8, value: f64) {
    out.push(field << 3 | 1);
    out.extend(value.to_le_bytes());
}

fn bytes(out: &mut Vec<u8>, field: u8, value: &[u8]) {
    out.push(field << 3 | 2);
    varint(out, value.len() as u64);
    out.extend(value);
}

fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    #[expect(clippy::cast_possible_truncation, reason = "below 0x80")]
    out.push(value as u8);
}
