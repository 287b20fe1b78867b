//! An index on disk: one file, mapped when it is opened.
//!
//! ```text
//! header      256 bytes: what it is, of which lengths, where the parts are, checksums
//! presence    a bit an item
//! rows        the row of every number that was given out, zeros where nothing is there
//! full        the same as 32-bit floats, where rows are rounded and full vectors are kept
//! graph       USearch's links
//! ```
//!
//! Parts begin at multiples of 64 bytes, numbers have the byte order of the machine, checksums
//! are CRC-32. A file is written under another name, flushed and renamed, so a name never leads
//! to half a file. Opening reads the header and the presence bits, and checks them, the lengths
//! and the places; the graph is checked before it is first used, the vectors by [`verify`], since
//! a wrong value in one can do no harm but a wrong score.

use crate::IndexError;
use crate::base::{Base, Links, MappedLinks};
use crate::precision::{MAX_DIM, Precision};
use crate::rows::{Presence, Rows, Words, map};
use crate::snapshot::Snapshot;
use crate::vector_index::Config;
use memmap2::Mmap;
use std::fs::File;
use std::io::{BufWriter, Seek, Write};
use std::ops::Range;
use std::path::Path;
use std::sync::{Arc, OnceLock};

const MAGIC: u64 = u64::from_ne_bytes(*b"semrecvi");
const VERSION: u64 = 1;
const HEADER: usize = 256;
const ALIGNMENT: usize = 64;
const PARTS: [&str; 4] = ["presence", "rows", "full vectors", "graph"];

/// Place, length and checksum of a part.
#[derive(Clone, Debug, Default, PartialEq)]
struct Part {
    start: u64,
    length: u64,
    checksum: u64,
}

/// What the header says.
#[derive(Debug)]
struct Header {
    dim: u64,
    precision: u64,
    keep_full: u64,
    numbered: u64,
    exact_below: u64,
    shape: [u64; 3],
    length: u64,
    parts: [Part; 4],
}

impl Header {
    fn to_bytes(&self) -> [u8; HEADER] {
        let mut fields = vec![MAGIC, VERSION, self.dim, self.precision, self.keep_full];
        fields.extend([self.numbered, self.exact_below]);
        fields.extend(self.shape);
        fields.push(self.length);
        fields.extend(
            self.parts
                .iter()
                .flat_map(|p| [p.start, p.length, p.checksum]),
        );
        let mut bytes = [0; HEADER];
        for (field, place) in fields.iter().zip(bytes.chunks_exact_mut(8)) {
            place.copy_from_slice(&field.to_ne_bytes());
        }
        let checksum = u64::from(crc32fast::hash(&bytes[..HEADER - 8]));
        bytes[HEADER - 8..].copy_from_slice(&checksum.to_ne_bytes());
        bytes
    }

    /// The header of a file's bytes, or what is wrong with it.
    fn read(file: &[u8]) -> Result<Self, String> {
        let Some((bytes, _)) = file.split_first_chunk::<HEADER>() else {
            let got = file.len();
            return Err(format!("it has {got} bytes, its header alone has {HEADER}"));
        };
        let fields: Vec<u64> = {
            let chunks = bytes.as_chunks::<8>().0.iter();
            chunks.map(|&field| u64::from_ne_bytes(field)).collect()
        };
        if fields[0] == MAGIC.swap_bytes() {
            return Err("it was written on a machine with the other byte order".to_owned());
        }
        if fields[0] != MAGIC {
            return Err("it does not begin with 'semrecvi'".to_owned());
        }
        if fields[1] != VERSION {
            return Err(format!(
                "its format is version {}, expected {VERSION}",
                fields[1]
            ));
        }
        if u64::from(crc32fast::hash(&bytes[..HEADER - 8])) != fields[HEADER / 8 - 1] {
            return Err("the checksum of its header is wrong".to_owned());
        }
        let part = |number: usize| Part {
            start: fields[11 + 3 * number],
            length: fields[12 + 3 * number],
            checksum: fields[13 + 3 * number],
        };
        let header = Self {
            dim: fields[2],
            precision: fields[3],
            keep_full: fields[4],
            numbered: fields[5],
            exact_below: fields[6],
            shape: [fields[7], fields[8], fields[9]],
            length: fields[10],
            parts: [0, 1, 2, 3].map(part),
        };
        if header.length != file.len() as u64 {
            let (got, expected) = (file.len(), header.length);
            return Err(format!(
                "it has {got} bytes, expected {expected}: it was cut off or added to"
            ));
        }
        Ok(header)
    }
}

/// A header whose figures fit the file and each other.
struct Checked {
    config: Config,
    dim: usize,
    numbered: u32,
    parts: [(Range<usize>, u32); 4],
}

impl Checked {
    fn of(header: &Header) -> Result<Self, String> {
        let precision = match header.precision {
            32 => Precision::F32,
            16 => Precision::F16,
            8 => Precision::Int8,
            other => {
                return Err(format!(
                    "its precision is {other} bits, expected 32, 16 or 8"
                ));
            }
        };
        let dim = usize::try_from(header.dim).unwrap_or(usize::MAX);
        if dim == 0 || dim > MAX_DIM {
            return Err(format!(
                "its vectors have {dim} values, expected 1 to {MAX_DIM}"
            ));
        }
        let numbered = u32::try_from(header.numbered);
        let numbered = numbered.map_err(|_| format!("it has {} items", header.numbered))?;
        let small = |what: &str, field: u64| {
            let small = u32::try_from(field).map_err(|_| format!("its {what} is {field}"))?;
            usize::try_from(small).map_err(|_| format!("its {what} is {field}"))
        };
        let mut parts = [(); 4].map(|()| (0..0, 0));
        let mut end = HEADER as u64;
        for ((part, checked), name) in header.parts.iter().zip(&mut parts).zip(PARTS) {
            let wrong = || format!("its {name} lie at {}, {} bytes", part.start, part.length);
            let stop = part.start.checked_add(part.length).ok_or_else(wrong)?;
            if part.start < end || stop > header.length || part.start % ALIGNMENT as u64 != 0 {
                return Err(wrong());
            }
            end = stop;
            let [start, stop] = [part.start, stop].map(usize::try_from);
            let range = start.map_err(|_| wrong())?..stop.map_err(|_| wrong())?;
            *checked = (range, u32::try_from(part.checksum).map_err(|_| wrong())?);
        }
        let keep_full = header.keep_full == 1;
        let words = [
            Presence::words(numbered),
            numbered as usize * precision.words(dim),
            numbered as usize * if keep_full { dim } else { 0 },
        ];
        for ((words, (range, _)), name) in words.iter().zip(&parts).zip(PARTS) {
            let (got, expected) = (range.len(), 4 * words);
            if got != expected {
                return Err(format!("its {name} take {got} bytes, expected {expected}"));
            }
        }
        let config = Config {
            precision,
            keep_full,
            exact_below: usize::try_from(header.exact_below).unwrap_or(usize::MAX),
            links: small("number of links", header.shape[0])?,
            ef_build: small("number of candidates", header.shape[1])?,
            ef_search: small("number of candidates", header.shape[2])?,
        };
        Ok(Self {
            config,
            dim,
            numbered,
            parts,
        })
    }
}

fn mapped(path: &Path) -> Result<(Arc<Mmap>, Checked), IndexError> {
    let file = File::open(path).map_err(|e| IndexError::file("opening", path, e))?;
    let map = map(path, &file)?;
    let checked = Header::read(&map).and_then(|header| Checked::of(&header));
    let checked = checked.map_err(|what| IndexError::damaged(path, what))?;
    Ok((map, checked))
}

/// Maps a saved index.
///
/// # Errors
/// If it cannot be read, or is damaged as far as can be seen without reading the vectors.
pub(crate) fn open(path: &Path) -> Result<(Base, Config), IndexError> {
    let (
        map,
        Checked {
            config,
            dim,
            numbered,
            parts,
        },
    ) = mapped(path)?;
    check_part(path, &map, 0, &parts[0])?;
    let [presence, rows, full, graph] = parts;
    let words = |range| Words::Mapped(Arc::clone(&map), range);
    let links = if graph.0.is_empty() {
        Links::None
    } else {
        Links::Mapped(MappedLinks {
            path: path.to_owned(),
            map: Arc::clone(&map),
            bytes: graph.0,
            checksum: graph.1,
            shape: config.shape(),
            viewed: OnceLock::new(),
        })
    };
    let precision = config.precision;
    let base = Base {
        numbered,
        present: Presence(words(presence.0)),
        rows: Arc::new(Rows {
            precision,
            dim,
            words: words(rows.0),
        }),
        full: config.keep_full.then(|| Rows {
            precision: Precision::F32,
            dim,
            words: words(full.0),
        }),
        links,
    };
    Ok((base, config))
}

/// Reads a whole file and compares all checksums.
///
/// # Errors
/// If it cannot be read or is damaged, with the part that is.
pub(crate) fn verify(path: &Path) -> Result<(), IndexError> {
    let (map, checked) = mapped(path)?;
    for (number, part) in checked.parts.iter().enumerate() {
        check_part(path, &map, number, part)?;
    }
    Ok(())
}

fn check_part(
    path: &Path,
    map: &Mmap,
    number: usize,
    (range, expected): &(Range<usize>, u32),
) -> Result<(), IndexError> {
    let (got, name) = (crc32fast::hash(&map[range.clone()]), PARTS[number]);
    if got == *expected {
        return Ok(());
    }
    let what = format!("the checksum of its {name} is {got:08x}, expected {expected:08x}");
    Err(IndexError::damaged(path, what))
}

/// Writes parts and notes where they are.
struct Parts<W> {
    out: W,
    at: usize,
    checksum: crc32fast::Hasher,
    start: usize,
    done: Vec<Part>,
}

impl<W: Write> Parts<W> {
    fn words(&mut self, words: &[u32]) -> std::io::Result<()> {
        self.bytes(pulp::bytemuck::cast_slice(words))
    }

    fn bytes(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.checksum.update(bytes);
        self.at += bytes.len();
        self.out.write_all(bytes)
    }

    /// Ends a part and begins the next.
    fn end(&mut self) -> std::io::Result<()> {
        self.done.push(Part {
            start: self.start as u64,
            length: (self.at - self.start) as u64,
            checksum: u64::from(std::mem::take(&mut self.checksum).finalize()),
        });
        let gap = self.at.next_multiple_of(ALIGNMENT) - self.at;
        self.out.write_all(&[0; ALIGNMENT][..gap])?;
        self.at += gap;
        self.start = self.at;
        Ok(())
    }
}

/// Writes a state and its graph, and puts the file in place of what was there.
///
/// # Errors
/// If it cannot be written; what was there stays.
pub(crate) fn save(
    path: &Path,
    snapshot: &Snapshot,
    config: &Config,
    graph: &[u8],
) -> Result<(), IndexError> {
    let failed = |doing| move |e| IndexError::file(doing, path, e);
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        Some(_) | None => Path::new("."),
    };
    let mut builder = tempfile::Builder::new();
    #[cfg(unix)]
    {
        // As any new file: what the user's mask leaves, not for the user alone.
        use std::os::unix::fs::PermissionsExt as _;
        builder.permissions(std::fs::Permissions::from_mode(0o666));
    }
    let mut staged = builder
        .tempfile_in(folder)
        .map_err(failed("creating a file beside"))?;
    write(staged.as_file_mut(), snapshot, config, graph).map_err(failed("writing"))?;
    staged.as_file().sync_all().map_err(failed("flushing"))?;
    let put = staged.persist(path);
    put.map_err(|e| IndexError::file("renaming into", path, e.error))?;
    let folder = File::open(folder).map_err(failed("opening the folder of"))?;
    folder.sync_all().map_err(failed("flushing the folder of"))
}

fn write(
    file: &mut File,
    snapshot: &Snapshot,
    config: &Config,
    graph: &[u8],
) -> std::io::Result<()> {
    let (dim, items) = (snapshot.base.rows.dim, 0..snapshot.numbered);
    let mut out = BufWriter::with_capacity(1 << 20, &mut *file);
    out.write_all(&[0; HEADER])?;
    let mut parts = Parts {
        out,
        at: HEADER,
        checksum: crc32fast::Hasher::new(),
        start: HEADER,
        done: Vec::new(),
    };
    let mut bits = vec![0; Presence::words(snapshot.numbered)];
    for item in items.clone() {
        bits[item as usize / 32] |= u32::from(snapshot.row(item).is_some()) << (item % 32);
    }
    parts.words(&bits)?;
    parts.end()?;
    let none = vec![0; config.precision.words(dim)];
    for item in items.clone() {
        parts.words(snapshot.row(item).unwrap_or(&none))?;
    }
    parts.end()?;
    if config.keep_full {
        let none = vec![0.0; dim];
        for item in items {
            let full = snapshot.full(item).unwrap_or(&none);
            parts.words(pulp::bytemuck::cast_slice(full))?;
        }
    }
    parts.end()?;
    parts.bytes(graph)?;
    parts.end()?;
    parts.out.flush()?;
    let (length, done) = (parts.at as u64, std::mem::take(&mut parts.done));
    drop(parts);
    let header = Header {
        dim: dim as u64,
        precision: match config.precision {
            Precision::F32 => 32,
            Precision::F16 => 16,
            Precision::Int8 => 8,
        },
        keep_full: u64::from(config.keep_full),
        numbered: u64::from(snapshot.numbered),
        exact_below: config.exact_below as u64,
        shape: [config.links, config.ef_build, config.ef_search].map(|n| n as u64),
        length,
        parts: [0, 1, 2, 3].map(|n| done.get(n).cloned().unwrap_or_default()),
    };
    file.rewind()?;
    file.write_all(&header.to_bytes())
}
