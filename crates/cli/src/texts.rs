//! The texts of a data set as vectors, through the cache.

use crate::context::Context;
use anyhow::{Context as _, bail};
use semrec_data::{Dataset, Table};
use semrec_engine::{EncoderInfo, read_info};
use semrec_text::{Cache, Encoder, Role, Tower, Vectors};
use std::path::{Path, PathBuf};

/// Vectors of everything that has a text, and what made them.
#[derive(Debug)]
pub(crate) struct Texts {
    /// `[n_items, dim]`.
    pub(crate) items: Vectors,
    /// `[n_users, dim]`, if any user has a text.
    pub(crate) users: Option<Vectors>,
    /// How people are read beside the encoder, where it says so.
    pub(crate) tower: Option<Tower>,
    /// Which encoder.
    pub(crate) encoder: EncoderInfo,
    /// Where it lies.
    pub(crate) dir: PathBuf,
}

/// Encodes what is not in the cache yet; `None` if the encoder is `none` or nothing has a text.
pub(crate) fn embed(
    context: &Context,
    dataset: &Dataset,
    encoder: &str,
) -> anyhow::Result<Option<Texts>> {
    if encoder == "none" {
        return Ok(None);
    }
    if !dataset.items.has_text() {
        context
            .console
            .note("the items have no text: models that read are left out");
        return Ok(None);
    }
    let dir = context.models().resolve(encoder)?;
    let encoder = Encoder::load(&dir)?;
    let mut cache = Cache::open(&context.home().join("vectors"), &encoder)?;
    // Items are what is searched, what people wrote of themselves is what is searched for.
    let mut of = |what: &str, table: &Table, role: Role| -> anyhow::Result<Vectors> {
        let texts = of_rows(table);
        let label = format!("embed {what}");
        let progress = |done, total| context.console.progress(&label, done, total);
        let (vectors, stats) = cache
            .embed(&encoder, role, &texts, &progress)
            .with_context(|| format!("encoding the texts of the {what}"))?;
        context.console.note(format!(
            "{what}: {} texts encoded, {} taken from the cache",
            stats.misses, stats.hits
        ));
        Ok(vectors)
    };
    let items = of("items", &dataset.items, Role::Passage)?;
    let users = if dataset.users.has_text() {
        Some(of("users", &dataset.users, Role::Query)?)
    } else {
        None
    };
    Ok(Some(Texts {
        items,
        users,
        tower: Tower::of(&dir)?,
        encoder: EncoderInfo {
            name: encoder.name().to_owned(),
            fingerprint: encoder.fingerprint().to_owned(),
        },
        dir,
    }))
}

/// Refuses parameters by which a model begins with the head of a bundle (`from`) that was learned
/// from the vectors of another encoder: of the same width, they would be taken for these.
pub(crate) fn check_origin(params: &toml::Table, texts: Option<&Texts>) -> anyhow::Result<()> {
    let from = params.get("from").and_then(toml::Value::as_str);
    let (Some(dir), Some(texts)) = (from.map(Path::new).filter(|d| d.is_dir()), texts) else {
        return Ok(());
    };
    match read_info(dir)?.encoder {
        Some(own) if own.fingerprint != texts.encoder.fingerprint => bail!(
            "{} was trained on texts as {} reads them, and these are read by {}: take --encoder {1}",
            dir.display(),
            own.name,
            texts.encoder.name,
        ),
        _ => Ok(()),
    }
}

/// The text of each row.
pub(crate) fn of_rows(table: &Table) -> Vec<String> {
    (0u32..).take(table.len()).map(|i| table.text(i)).collect()
}

/// At most `n` of the texts that are not empty, evenly taken from all.
pub(crate) fn sample(texts: &[String], n: usize) -> Vec<&str> {
    let all = texts.iter().map(String::as_str);
    let kept: Vec<&str> = all.filter(|text| !text.is_empty()).collect();
    let n = n.min(kept.len());
    (0..n).map(|i| kept[i * kept.len() / n]).collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_sample_is_spread_over_all() {
        let texts = ["a", "", "b", "c", "d", "e"].map(str::to_owned);
        assert_eq!(super::sample(&texts, 2), ["a", "c"]);
        assert_eq!(super::sample(&texts, 9), ["a", "b", "c", "d", "e"]);
        assert!(super::sample(&texts[1..2], 3).is_empty());
    }
}
