//! scratch
#![allow(clippy::all, clippy::unwrap_used, clippy::print_stdout, missing_docs)]
use semrec_data::*;
use semrec_models::*;
use semrec_text::Vectors;
fn main() {
    let args: Vec<String> = std::env::args().collect();
    let dir = &args[1];
    let mut o = ImportOptions::new(format!("{dir}/interactions.csv"));
    o.items = Some(format!("{dir}/items.csv").into());
    let d = import(&o, &|_, _, _| {}).unwrap().dataset;
    let raw = std::fs::read("/tmp/exp/beauty.bin").unwrap();
    let f: Vec<f32> = raw
        .chunks_exact(4)
        .map(|b| f32::from_le_bytes(b.try_into().unwrap()))
        .collect();
    let mut v = Vectors::zeros(d.items.len(), 384);
    for (i, id) in std::fs::read_to_string("/tmp/exp/beauty.ids")
        .unwrap()
        .lines()
        .enumerate()
    {
        if let Some(k) = d.items.ids.get(id) {
            v.row_mut(k as usize)
                .copy_from_slice(&f[i * 384..(i + 1) * 384]);
        }
    }
    let how: Split = args[2].parse().unwrap();
    let parts = split(&d.interactions, how, 42).unwrap();
    let test = args.len() > 5;
    let (tr, cases) = if test {
        (&parts.full, &parts.test)
    } else {
        (&parts.train, &parts.validation)
    };
    let t = Training {
        interactions: tr,
        item_vectors: Some(&v),
        user_vectors: None,
        seed: 42,
        progress: &|_, _, _| {},
    };
    let params: toml::Table = args[4].parse().unwrap();
    let t0 = std::time::Instant::now();
    let m = fit(&args[3], &params, &t).unwrap();
    let fit_s = t0.elapsed().as_secs_f32();
    for n in m.notes() {
        println!("{n}");
    }
    let counts = tr.item_counts();
    let cold: Vec<bool> = counts.iter().map(|&c| c == 0).collect();
    for (label, allowed) in [("full", None), ("cold", Some(&cold[..]))] {
        if label == "cold" && !args[2].starts_with("cold") {
            continue;
        }
        let (mut r, mut nd, mut n) = (0.0, 0.0, 0.0);
        let all: Vec<Case> = cases.iter().collect();
        for c in all.chunks(256) {
            let q: Vec<Query> = c
                .iter()
                .map(|c| Query {
                    history: c.history,
                    text: None,
                })
                .collect();
            let ranked = rank(
                &*m,
                &q,
                &Candidates {
                    exclude_seen: true,
                    allowed,
                },
                10,
            );
            for (case, list) in c.iter().zip(ranked) {
                let mut dcg = 0.0;
                let mut hits = 0.0;
                for (p, x) in list.iter().enumerate() {
                    if case.held_out.contains(&x.item) {
                        hits += 1.0;
                        dcg += 1.0 / ((p + 2) as f64).log2();
                    }
                }
                let ideal: f64 = (0..case.held_out.len().min(10))
                    .map(|p| 1.0 / ((p + 2) as f64).log2())
                    .sum();
                r += hits / case.held_out.len() as f64;
                nd += dcg / ideal;
                n += 1.0;
            }
        }
        println!(
            "{} {} {label} recall@10 {:.4} ndcg@10 {:.4} fit {fit_s:.1}s total {:.1}s",
            args[3],
            args[4].replace('\n', " "),
            r / n,
            nd / n,
            t0.elapsed().as_secs_f32()
        );
    }
}
