//! The tokenizer of a 4-bit model as `tokenizer.json`: a unigram model over pieces (Kudo 2018).
//!
//! A text is normalised by the package's own table (NFKC and SentencePiece's rules for spaces and
//! control characters), runs of spaces become one, spaces become ▁, and one ▁ stands in front.
//! The table knows single characters, where SentencePiece's also composes: "e" and an accent become
//! "é". NFC before it composes the same. Spaces at the end are stripped and unknown characters in a
//! row are one token, as in SentencePiece, and the name of a special token within a text is that
//! token, as in `transformers`. In these four points the tokens differ from what the package itself
//! makes.

use super::charsmap::charsmap;
use super::container::Container;
use std::path::Path;
use tokenizers::models::unigram::Unigram;
use tokenizers::normalizers::replace::{Replace, ReplacePattern};
use tokenizers::normalizers::{NFC, NormalizerWrapper, Precompiled, Sequence, Strip};
use tokenizers::pre_tokenizers::metaspace::{Metaspace, PrependScheme};
use tokenizers::processors::template::TemplateProcessing;
use tokenizers::{AddedToken, Tokenizer};

/// The character that stands for a space within pieces.
const SPACE: char = '▁';

/// Writes the tokenizer of a container.
pub(crate) fn write(container: &Container<'_>, path: &Path) -> Result<(), String> {
    let tokenizer = tokenizer(container).map_err(|e| format!("its tokenizer: {e}"))?;
    tokenizer
        .save(path, false)
        .map_err(|e| format!("{}: {e}", path.display()))
}

fn tokenizer(container: &Container<'_>) -> tokenizers::Result<Tokenizer> {
    let scored = container.pieces.iter();
    let pieces = scored.map(|&(piece, score)| (piece.to_owned(), f64::from(score)));
    let special = container.special;
    let mut tokenizer = Tokenizer::new(Unigram::from(pieces.collect(), Some(special.unk), false)?);
    let several = ReplacePattern::Regex(" {2,}".into());
    let normalizers: [NormalizerWrapper; 4] = [
        NFC.into(),
        Precompiled::from(&charsmap(&container.replacements)?)?.into(),
        Strip::new(false, true).into(),
        Replace::new(several, " ")?.into(),
    ];
    tokenizer.with_normalizer(Some(Sequence::new(normalizers.to_vec())));
    let spaces = Metaspace::new(SPACE, PrependScheme::Always, true);
    tokenizer.with_pre_tokenizer(Some(spaces.clone()));
    tokenizer.with_decoder(Some(spaces));
    let name = |number: usize| container.pieces[number].0.to_owned();
    let (bos, eos) = (name(special.bos), name(special.eos));
    let numbered = [(bos.clone(), special.bos), (eos.clone(), special.eos)];
    let frame = TemplateProcessing::builder()
        .try_single(vec![bos.clone(), "$A".into(), eos.clone()])?
        .try_pair(vec![
            bos.clone(),
            "$A".into(),
            eos.clone(),
            eos.clone(),
            "$B".into(),
            eos.clone(),
        ])?
        .special_tokens(
            numbered
                .into_iter()
                .map(|(name, number)| Ok((name, u32::try_from(number)?)))
                .collect::<Result<Vec<_>, std::num::TryFromIntError>>()?,
        )
        .build()?;
    tokenizer.with_post_processor(Some(frame));
    let mut marks = vec![
        AddedToken::from(bos, true),
        AddedToken::from(name(special.pad), true),
        AddedToken::from(eos, true),
        AddedToken::from(name(special.unk), true),
    ];
    if container.pieces.iter().any(|&(piece, _)| piece == "<mask>") {
        // As in the tokenizers of the XLM-R family, a mask takes the space before it along.
        marks.push(AddedToken::from("<mask>", true).lstrip(true));
    }
    tokenizer.add_special_tokens(&marks);
    Ok(tokenizer)
}
