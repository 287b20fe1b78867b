//! What is read, and what is refused.

use super::*;

const BERT: &str = r#"{"model_type": "bert", "hidden_size": 8, "num_hidden_layers": 1,
    "num_attention_heads": 2, "intermediate_size": 16, "vocab_size": 10,
    "max_position_embeddings": 64}"#;
const QWEN3: &str = r#"{"model_type": "qwen3", "hidden_size": 8, "num_hidden_layers": 1,
    "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 6, "intermediate_size": 16,
    "vocab_size": 10, "max_position_embeddings": 64, "rope_theta": 1e6}"#;
const CONFIG: &str = "config.json";
const SENTENCE_TRANSFORMERS: &str = "config_sentence_transformers.json";

fn settings(files: &[(&str, &str)]) -> Result<Settings, String> {
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = dir.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    Settings::read(dir.path())
        .map_err(|e| e.to_string().replace(dir.path().to_str().unwrap(), "DIR"))
}

#[test]
fn defaults_and_what_overrides_them() {
    let plain = settings(&[(CONFIG, BERT)]).unwrap();
    assert_eq!(
        (plain.pooling, plain.reading.max_tokens),
        (Pooling::Mean, 64)
    );
    assert!(plain.reading.prompts.is_empty() && plain.steps.is_empty());
    let given = settings(&[
        (CONFIG, BERT),
        ("tokenizer_config.json", r#"{"model_max_length": 50}"#),
        (
            "sentence_bert_config.json",
            r#"{"max_seq_length": 32, "do_lower_case": true}"#,
        ),
        (
            "modules.json",
            r#"[{"path": "p", "type": "sentence_transformers.models.Pooling"}]"#,
        ),
        ("p/config.json", r#"{"pooling_mode_cls_token": true}"#),
    ])
    .unwrap();
    assert_eq!(
        (given.pooling, given.reading.max_tokens),
        (Pooling::First, 32)
    );
    assert!(given.reading.lowercase);
}

#[test]
fn length_follows_the_positions() {
    let roberta = BERT.replace("\"bert\"", "\"roberta\"");
    let offset = roberta.replace("\"vocab", "\"pad_token_id\": 3, \"vocab");
    let mpnet = offset.replace("\"roberta\"", "\"mpnet\"");
    let unlimited = r#"{"model_max_length": 1000000000000000019884624838656}"#;
    let long = r#"{"max_seq_length": 500}"#;
    // Learned positions end; those after the padding's end earlier; rotary ones do not end, and
    // the length in training is only what is assumed where nothing is said.
    let cases: [(&str, [usize; 3]); 5] = [
        (BERT, [64, 64, 64]),
        (&roberta, [62, 62, 62]),
        (&offset, [60, 60, 60]),
        (&mpnet, [62, 62, 62]),
        (QWEN3, [64, 64, 500]),
    ];
    for (config, want) in cases {
        let got = [
            settings(&[(CONFIG, config)]),
            settings(&[(CONFIG, config), ("tokenizer_config.json", unlimited)]),
            settings(&[(CONFIG, config), ("sentence_bert_config.json", long)]),
        ]
        .map(|s| s.unwrap().reading.max_tokens);
        assert_eq!(got, want, "{config}");
    }
}

#[test]
fn causal_models_pool_the_last_token() {
    let causal = settings(&[(CONFIG, QWEN3)]).unwrap();
    assert_eq!((causal.pooling, causal.shape.causal), (Pooling::Last, true));
    let both_ways = QWEN3.replace("\"vocab", "\"is_causal\": false, \"vocab");
    let both_ways = settings(&[(CONFIG, &both_ways)]).unwrap();
    assert_eq!(
        (both_ways.pooling, both_ways.shape.causal),
        (Pooling::Mean, false)
    );
    for (config, want) in [
        (r#"{"pooling_mode_lasttoken": true}"#, Pooling::Last),
        (r#"{"pooling_mode": "weightedmean"}"#, Pooling::WeightedMean),
        (r#"{"pooling_mode": ["max"]}"#, Pooling::Max),
    ] {
        let got = settings(&[(CONFIG, BERT), ("1_Pooling/config.json", config)]);
        assert_eq!(got.unwrap().pooling, want);
    }
}

#[test]
fn prompts_by_their_names() {
    let cases = [
        // Each by its name, in the order sentence-transformers looks.
        (
            r#"{"prompts": {"query": "q: ", "passage": "p: ", "corpus": "c: "}}"#,
            ["q: ", "p: "],
        ),
        (
            r#"{"prompts": {"passage": "p: ", "document": "d: "}}"#,
            ["", "d: "],
        ),
        // The default stands in for what has no name, not for what is empty.
        (
            r#"{"prompts": {"query": "", "sts": "s: "}, "default_prompt_name": "sts"}"#,
            ["", "s: "],
        ),
        (r#"{"prompts": {"sts": "s: "}}"#, ["", ""]),
    ];
    for (config, want) in cases {
        let got = settings(&[(CONFIG, BERT), (SENTENCE_TRANSFORMERS, config)]).unwrap();
        assert_eq!(
            [&got.reading.prompts.query, &got.reading.prompts.passage],
            want,
            "{config}"
        );
    }
}

#[test]
fn dimensions_are_cut_only_where_there_are_more() {
    for (cut, want) in [(5, Some(5)), (8, None), (100, None)] {
        let config = format!(r#"{{"truncate_dim": {cut}}}"#);
        let got = settings(&[(CONFIG, BERT), (SENTENCE_TRANSFORMERS, &config)]);
        assert_eq!(got.unwrap().reading.truncate, want);
    }
}

/// Loads with one more entry in `config.json`, and gives the error without its path.
fn refused(config: &str, entry: &str) -> String {
    let config = config.replace("\"vocab_size\"", &format!("{entry}, \"vocab_size\""));
    let error = settings(&[(CONFIG, &config)]).unwrap_err();
    error.strip_prefix("DIR/config.json: ").unwrap().to_owned()
}

#[test]
fn what_config_json_asks_for_and_is_not_there_is_said() {
    let cases = [
        (
            refused(&BERT.replace("\"bert\"", "\"t5\""), "\"x\": 1"),
            "model_type is 't5'; expected one of bert, roberta, xlm-roberta, distilbert, mpnet, \
             gpt2, llama, qwen2, qwen3",
        ),
        (
            refused(
                &BERT.replace("\"hidden_size\": 8", "\"hidden_size\": 7"),
                "\"x\": 1",
            ),
            "hidden_size 7 is no multiple of num_attention_heads 2",
        ),
        (
            refused(
                &BERT.replace("\"hidden_size\": 8", "\"hidden_size\": -1"),
                "\"x\": 1",
            ),
            "hidden_size is -1; expected 1 to 2^28",
        ),
        (
            refused(&BERT.replace("\"hidden_size\"", "\"hidden\""), "\"x\": 1"),
            "hidden_size is missing",
        ),
        (
            refused(BERT, r#""hidden_act": "mish""#),
            "hidden_act is 'mish'; expected gelu, gelu_new, gelu_pytorch_tanh, relu or silu",
        ),
        (
            refused(BERT, r#""position_embedding_type": "relative_key""#),
            "position_embedding_type is 'relative_key'; only 'absolute' is supported",
        ),
        (
            refused(BERT, r#""embedding_size": 4"#),
            "embedding_size is 4; only that of hidden_size, 8, is supported",
        ),
        (
            refused(BERT, r#""is_decoder": true"#),
            "is_decoder is true; only false is supported",
        ),
        (
            refused(BERT, r#""layer_norm_eps": 2.0"#),
            "layer_norm_eps is 2; expected 0 to 1",
        ),
    ];
    for (got, want) in cases {
        assert_eq!(got, want);
    }
    assert_eq!(
        settings(&[]).unwrap_err(),
        "DIR/config.json: entity not found"
    );
}

#[test]
fn what_a_family_cannot_do_is_said() {
    let cases = [
        (
            refused(
                &BERT.replace("\"bert\"", "\"roberta\""),
                r#""pad_token_id": 62"#,
            ),
            "pad_token_id leaves none of the 64 positions of max_position_embeddings",
        ),
        (
            refused(
                &BERT.replace("\"bert\"", "\"mpnet\""),
                r#""relative_attention_num_buckets": 3"#,
            ),
            "relative_attention_num_buckets is 3; expected an even number from 4 on",
        ),
        (
            refused(
                &QWEN3.replace("\"head_dim\": 6", "\"head_dim\": 5"),
                "\"x\": 1",
            ),
            "head_dim is 5; rotary positions need an even one",
        ),
        (
            refused(&QWEN3.replace("heads\": 2", "heads\": 3"), "\"x\": 1"),
            "num_attention_heads 4 is no multiple of num_key_value_heads 3",
        ),
        (
            refused(
                QWEN3,
                r#""use_sliding_window": true, "sliding_window": 32, "max_window_layers": 0"#,
            ),
            "sliding_window is 32 where texts of up to 64 tokens are read; set max_seq_length to \
             at most 32 in sentence_bert_config.json",
        ),
        (
            refused(
                QWEN3,
                r#""rope_scaling": {"type": "dynamic", "factor": 2.0}"#,
            ),
            "rope_scaling is of the type 'dynamic'; expected default, linear or llama3",
        ),
    ];
    for (got, want) in cases {
        assert_eq!(got, want);
    }
}

#[test]
fn modules_that_cannot_be_honoured_are_named() {
    let with = |files: &[(&str, &str)]| settings(&[&[(CONFIG, BERT)], files].concat()).unwrap_err();
    let modules = |kind: &str, path: &str| {
        format!(
            r#"[{{"path": "", "type": "m.Transformer"}}, {{"path": "p", "type": "m.Pooling"}},
                {{"path": "{path}", "type": "m.{kind}"}}]"#
        )
    };
    let dense = modules("Dense", "d");
    let cases = [
        (
            with(&[("modules.json", &modules("LSTM", "2_LSTM"))]),
            "DIR/modules.json: module 'm.LSTM' at '2_LSTM' is not supported; expected \
             Transformer, one Pooling, and behind it Dense and Normalize",
        ),
        (
            with(&[("modules.json", &modules("Dense", "../d"))]),
            "DIR/modules.json: a module lies outside the directory",
        ),
        (
            with(&[("modules.json", &dense)]),
            "DIR/d/config.json: entity not found",
        ),
        (
            with(&[
                ("modules.json", &dense),
                ("d/config.json", r#"{"in_features": 9, "out_features": 4}"#),
            ]),
            "DIR/d/config.json: in_features is 9; what comes before has 8",
        ),
        (
            with(&[
                ("modules.json", &dense),
                (
                    "d/config.json",
                    r#"{"in_features": 8, "out_features": 4,
                        "activation_function": "torch.nn.modules.activation.Mish"}"#,
                ),
            ]),
            "DIR/d/config.json: activation_function is 'Mish'; expected Tanh, Identity or ReLU",
        ),
        (
            with(&[(
                "1_Pooling/config.json",
                r#"{"pooling_mode_cls_token": true, "pooling_mode_max_tokens": true}"#,
            )]),
            "DIR/1_Pooling/config.json: pooling is [cls_token, max_tokens]; expected exactly one \
             of mean_tokens, mean_sqrt_len_tokens, weightedmean_tokens, max_tokens, cls_token \
             and lasttoken",
        ),
        (
            with(&[
                (SENTENCE_TRANSFORMERS, r#"{"prompts": {"query": "q: "}}"#),
                (
                    "1_Pooling/config.json",
                    r#"{"pooling_mode": "mean", "include_prompt": false}"#,
                ),
            ]),
            "DIR/1_Pooling/config.json: include_prompt is false; only true is supported",
        ),
        (
            with(&[(
                SENTENCE_TRANSFORMERS,
                r#"{"prompts": {"query": "q: "}, "default_prompt_name": "sts"}"#,
            )]),
            "DIR/config_sentence_transformers.json: default_prompt_name is 'sts'; expected one \
             of the prompts, [query]",
        ),
    ];
    for (got, want) in cases {
        assert_eq!(got, want);
    }
}

#[test]
fn windows_that_change_nothing_are_let_through() {
    let window = r#""use_sliding_window": true, "sliding_window": 32"#;
    let cases = [
        // Not in use, of no layer, or as long as the texts.
        r#""use_sliding_window": false, "sliding_window": 32, "max_window_layers": 0"#.to_owned(),
        format!(r#"{window}, "max_window_layers": 1"#),
        format!(r#"{window}, "layer_types": ["full_attention"]"#),
        window.replace("32", "64") + r#", "max_window_layers": 0"#,
    ];
    for entry in cases {
        let config = QWEN3.replace("\"vocab_size\"", &format!("{entry}, \"vocab_size\""));
        assert!(settings(&[(CONFIG, &config)]).is_ok(), "{entry}");
    }
    let some = format!(r#"{window}, "layer_types": ["sliding_attention"]"#);
    assert!(refused(QWEN3, &some).starts_with("sliding_window is 32"));
}
