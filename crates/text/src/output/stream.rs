//! Texts encoded on their way from a reader to a file, within memory that does not depend on how
//! many there are, in parts that survive the process.
//!
//! Three threads, one for each step, hand windows on: reading the next, encoding this one (on all
//! threads of rayon), writing the last. A window is [`WINDOW_ROWS`] rows, or fewer whose texts
//! have [`WINDOW_BYTES`]; it is cut by what is read alone, so the result does not depend on the
//! number of threads, nor on where an earlier run was stopped. Each becomes a part (`part.rs`) in
//! the hidden directory beside the output. A later run reads the input from its beginning, but
//! encodes only those windows that have no part with their stamp; at the end the parts are put
//! together. What is held: two windows of texts, three of vectors, the encoder's own buffers, and
//! one row group of the output.

use super::part::{self, Stamp};
use super::stage::Stage;
use super::{Batch, Origin, VectorFile};
use crate::{Encoder, Role, TextError, Vectors};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

/// Rows of a window, and so of a part: the most that is encoded again after a kill.
const WINDOW_ROWS: usize = 4096;
/// Bytes of the texts of a window, but for the last of them.
const WINDOW_BYTES: usize = 2 << 20;

/// A row to encode.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TextItem {
    /// Its id.
    pub id: String,
    /// What it says; white space alone has a vector of zeros.
    pub text: String,
    /// How far the input is read with it, in whatever unit; it comes back as progress.
    pub position: u64,
}

/// What happens meanwhile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EmbedEvent {
    /// An earlier run left so many finished parts.
    Found {
        /// Number of parts.
        parts: u64,
    },
    /// A part of an earlier run was made of other texts or ids, in another role or by another
    /// encoder than are there now; it is made again. Said of the first such part only.
    Changed {
        /// Its first row, from 0.
        row: u64,
    },
    /// Rows are done.
    Encoding {
        /// Rows that have a vector, those of an earlier run included.
        rows: u64,
        /// Rows encoded in this run.
        encoded: u64,
        /// Position of the last of them.
        position: u64,
    },
    /// The parts are being put together.
    Assembling {
        /// Parts that are in the output.
        parts: u64,
        /// Parts in all.
        of: u64,
    },
}

/// What was done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EmbedSummary {
    /// Rows of the output.
    pub rows: u64,
    /// Rows encoded in this run; the others had been before.
    pub encoded: u64,
}

/// Rows read together.
#[derive(Default)]
struct Window {
    ids: Vec<String>,
    texts: Vec<String>,
    position: u64,
    stamp: String,
}

/// A window on its way to the disk.
struct Finished {
    number: u64,
    stamp: String,
    batch: Batch,
}

/// Encodes rows, texts in that role, into a file, going on where an earlier call for the same file was stopped.
/// `progress` is called from any thread.
///
/// # Errors
/// What the rows or the encoder say; [`TextError`] if the file cannot be written or another
/// process is writing it. The parts that are finished stay for the next run.
pub fn embed_rows<E: From<TextError> + Send>(
    encoder: &Encoder,
    role: Role,
    rows: impl Iterator<Item = Result<TextItem, E>> + Send,
    output: &VectorFile,
    progress: &(dyn Fn(EmbedEvent) + Sync),
) -> Result<EmbedSummary, E> {
    let stage = Stage::open(output.path())?;
    let origin = Origin::of(encoder, role);
    let found = stage.parts();
    if found > 0 {
        progress(EmbedEvent::Found { parts: found });
    }
    let mut run = Run {
        encoder,
        role,
        stage: &stage,
        progress,
        parts: 0,
        changed: false,
        done: EmbedSummary::default(),
    };
    // Rooms of no size: each step holds one window and waits for the next to take it.
    let (to_encode, windows) = sync_channel(0);
    let (to_write, finished) = sync_channel(0);
    std::thread::scope(|scope| -> Result<(), E> {
        let origin = &origin;
        scope.spawn(move || read(rows, origin, &to_encode));
        let writer = scope.spawn(|| write(&stage, finished));
        let encoded = run.encode(windows, &to_write);
        // With nobody left to send, the writer ends.
        drop(to_write);
        let written = writer
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        // A writer that failed is why the encoder could not go on.
        written?;
        encoded
    })?;
    let parts = run.parts;
    let batches = (0..parts).map(|number| {
        progress(EmbedEvent::Assembling {
            parts: number,
            of: parts,
        });
        part::read(&stage, number, encoder.dim())
    });
    let done = run.done;
    output.assemble(&stage, &origin, encoder.dim(), batches)?;
    stage.remove()?;
    Ok(done)
}

/// Cuts rows into windows and sends them, the error that ends them last. Ends early if nobody
/// takes them any more.
fn read<E>(
    rows: impl Iterator<Item = Result<TextItem, E>>,
    origin: &Origin,
    to: &SyncSender<Result<Window, E>>,
) {
    let mut rows = rows.peekable();
    while rows.peek().is_some() {
        let mut window = Window::default();
        let mut stamp = Stamp::new(origin);
        let mut bytes = 0;
        while window.ids.len() < WINDOW_ROWS && bytes < WINDOW_BYTES {
            match rows.next() {
                None => break,
                Some(Err(error)) => {
                    to.send(Err(error)).ok();
                    return;
                }
                Some(Ok(row)) => {
                    stamp.row(&row.id, &row.text);
                    bytes += row.text.len();
                    window.ids.push(row.id);
                    window.texts.push(row.text);
                    window.position = row.position;
                }
            }
        }
        window.stamp = stamp.finish();
        if to.send(Ok(window)).is_err() {
            return;
        }
    }
}

/// Writes parts until there are no more.
fn write(stage: &Stage, finished: Receiver<Finished>) -> Result<(), TextError> {
    for one in finished {
        part::write(stage, one.number, &one.stamp, &one.batch)?;
    }
    Ok(())
}

/// The step in the middle.
struct Run<'a> {
    encoder: &'a Encoder,
    role: Role,
    stage: &'a Stage,
    progress: &'a (dyn Fn(EmbedEvent) + Sync),
    parts: u64,
    changed: bool,
    done: EmbedSummary,
}

impl Run<'_> {
    /// Encodes what has no part yet. Ends early, without an error, if nobody writes any more.
    fn encode<E: From<TextError>>(
        &mut self,
        windows: Receiver<Result<Window, E>>,
        to: &SyncSender<Finished>,
    ) -> Result<(), E> {
        let mut position = 0;
        for window in windows {
            let window = window?;
            let number = self.parts;
            let kept = part::stamp(self.stage, number);
            if kept.as_ref() == Some(&window.stamp) {
                self.done.rows += window.ids.len() as u64;
            } else {
                if kept.is_some() && !self.changed {
                    self.changed = true;
                    let row = self.done.rows;
                    (self.progress)(EmbedEvent::Changed { row });
                }
                let vectors = self.vectors(&window, position)?;
                self.done.rows += window.ids.len() as u64;
                self.done.encoded += window.ids.len() as u64;
                let finished = Finished {
                    number,
                    stamp: window.stamp,
                    batch: Batch {
                        ids: window.ids,
                        vectors,
                    },
                };
                if to.send(finished).is_err() {
                    break;
                }
            }
            position = window.position;
            self.parts += 1;
            self.tell(0, position);
        }
        Ok(())
    }

    /// The vectors of a window; those of blank texts are zero, as in the cache.
    fn vectors(&self, window: &Window, before: u64) -> Result<Vectors, TextError> {
        let blank = |text: &str| text.trim().is_empty();
        let rows = (0..window.texts.len()).filter(|&row| !blank(&window.texts[row]));
        let rows: Vec<usize> = rows.collect();
        let texts: Vec<&str> = rows.iter().map(|&row| &*window.texts[row]).collect();
        let span = window.position.saturating_sub(before);
        let progress = |done: usize, of: usize| {
            self.tell(done as u64, before + span * done as u64 / of.max(1) as u64);
        };
        let encoded = self.role.encode(self.encoder, &texts, &progress)?;
        if texts.len() == window.texts.len() {
            return Ok(encoded);
        }
        let mut vectors = Vectors::zeros(window.texts.len(), self.encoder.dim());
        for (row, vector) in rows.into_iter().zip(encoded.rows()) {
            vectors.row_mut(row).copy_from_slice(vector);
        }
        Ok(vectors)
    }

    fn tell(&self, more: u64, position: u64) {
        (self.progress)(EmbedEvent::Encoding {
            rows: self.done.rows + more,
            encoded: self.done.encoded + more,
            position,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What `read` sends: the rows of each window, then the error if there is one.
    fn windows(rows: Vec<Result<TextItem, String>>) -> (Vec<usize>, Option<String>) {
        let (to, from) = sync_channel(rows.len() + 1);
        let origin = Origin {
            encoder: "tiny".into(),
            fingerprint: "e".into(),
            role: Role::Passage,
        };
        read(rows.into_iter(), &origin, &to);
        drop(to);
        let (mut sizes, mut error) = (Vec::new(), None);
        for window in from {
            match window {
                Ok(window) => sizes.push(window.ids.len()),
                Err(e) => error = Some(e),
            }
        }
        (sizes, error)
    }

    fn row(bytes: usize) -> Result<TextItem, String> {
        Ok(TextItem {
            id: "a".into(),
            text: "x".repeat(bytes),
            position: 0,
        })
    }

    #[test]
    fn windows_are_cut_by_rows_and_by_bytes() {
        const MIB: usize = 1 << 20;
        for (bytes, expected) in [
            (vec![1; WINDOW_ROWS], vec![WINDOW_ROWS]),
            (vec![1; WINDOW_ROWS + 1], vec![WINDOW_ROWS, 1]),
            (vec![MIB; 5], vec![2, 2, 1]),
            (vec![3 * MIB, 0, 3 * MIB], vec![1, 2]),
            (vec![], vec![]),
        ] {
            let rows = bytes.iter().map(|&bytes| row(bytes)).collect();
            assert_eq!(windows(rows), (expected, None), "{} rows", bytes.len());
        }
    }

    #[test]
    fn an_error_ends_what_is_read() {
        let mut rows = vec![row(1); WINDOW_ROWS + 3];
        rows.push(Err("line 7".to_owned()));
        rows.push(row(1));
        assert_eq!(windows(rows), (vec![WINDOW_ROWS], Some("line 7".into())));
    }
}
