//! What tells two encoders apart: a hash of all that their vectors depend on.

use crate::TextError;
use crate::settings::{Reading, Settings, Step};
use crate::weights::Weights;
use memmap2::Mmap;
use sha2::{Digest, Sha256};
use std::fmt::Write as _;
use std::io::Read;
use std::path::Path;
use std::sync::{Arc, OnceLock};

/// SHA-256 over the hashes of `config.json`, `tokenizer.json` and `model.safetensors`, then
/// pooling, length limit and what else the settings say. The weights are hashed when it is asked
/// for.
#[derive(Debug)]
pub(crate) struct Fingerprint {
    /// Of the files before the weights.
    before: [[u8; 32]; 2],
    weights: Arc<Mmap>,
    after: Vec<u8>,
    hex: OnceLock<String>,
}

impl Fingerprint {
    /// Hashes everything but the weights; `after` is what the settings say ([`of_settings`],
    /// [`of_reading`]).
    pub(crate) fn new(
        config: &Path,
        tokenizer: [u8; 32],
        weights: &Weights,
        after: Vec<u8>,
    ) -> Result<Self, TextError> {
        Ok(Self {
            before: [hash_of(config)?, tokenizer],
            weights: Arc::clone(weights.file()),
            after,
            hex: OnceLock::new(),
        })
    }

    /// The hash in hexadecimal.
    pub(crate) fn get(&self) -> &str {
        self.hex.get_or_init(|| {
            let mut hash = Sha256::new();
            self.before.iter().for_each(|before| hash.update(before));
            hash.update(Sha256::digest(&self.weights[..]));
            hash.update(&self.after);
            hex(&hash.finalize())
        })
    }
}

/// What a transformer's settings say.
pub(crate) fn of_settings(settings: &Settings) -> Result<Vec<u8>, TextError> {
    let Settings {
        shape: _,
        pooling,
        steps,
        reading,
    } = settings;
    // A model that has nothing behind its pooling keeps the fingerprint it had before there was
    // any such thing.
    let mut after = Vec::new();
    for step in steps {
        match step {
            Step::Dense(dense) => {
                after.extend(format!(" dense {:?} {}", dense.activation, dense.bias).bytes());
                after.extend(hash_of(&dense.file)?);
            }
            Step::Normalize => after.extend(b" normalize"),
        }
    }
    Ok(of_reading(&format!("{pooling:?}"), &after, reading))
}

/// What is said of how texts are read, behind the pooling and the modules after it.
pub(crate) fn of_reading(pooling: &str, modules: &[u8], reading: &Reading) -> Vec<u8> {
    let Reading {
        max_tokens,
        lowercase,
        prompts,
        truncate,
    } = reading;
    let mut after = format!("{pooling} {max_tokens} {lowercase}").into_bytes();
    after.extend(modules);
    if !prompts.is_empty() {
        let prompts = format!(" prompts {:?} {:?}", prompts.query, prompts.passage);
        after.extend(prompts.bytes());
    }
    if let Some(cut) = truncate {
        after.extend(format!(" cut {cut}").bytes());
    }
    after
}

/// What a file beside the weights says.
pub(crate) fn of_file(path: &Path) -> Result<Vec<u8>, TextError> {
    Ok([&b" beside "[..], &hash_of(path)?].concat())
}

fn hash_of(path: &Path) -> Result<[u8; 32], TextError> {
    file_hash(path).map_err(|e| TextError::io(path, e))
}

/// SHA-256 of a file, read piece by piece.
pub(crate) fn file_hash(path: &Path) -> std::io::Result<[u8; 32]> {
    let mut file = std::fs::File::open(path)?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 18];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(hash.finalize().into()),
            n => hash.update(&buffer[..n]),
        }
    }
}

/// Bytes in hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing into a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
