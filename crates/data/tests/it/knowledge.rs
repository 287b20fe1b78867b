//! Knowledge graphs: what is read of them, what comes back from the disk, what is refused.

use crate::scratch::{Scratch, roles};
use proptest::prelude::*;
use semrec_data::{
    Clock, DataError, Dataset, FactSource, Facts, Import, ImportReport, Interactions, Knowledge,
    Level, Link, Table, Triple, ValidateOptions, import, validate,
};
use std::fs;

const LOG: &str = "user_id:token\titem_id:token\ttimestamp:float\nu\ta\t1000000000\nu\tb\t1000000001\nv\ta\t1000000002\n";
const ITEMS: &str = "item_id:token\tclass:token_seq\na\tCrime Drama\nb\tCrime\nc\t\n";
const KG: &str = "head_id:token\trelation_id:token\ttail_id:token\nm.a\tdirected_by\tm.mann\nm.mann\tdirected\tm.b\nm.a\tdirected_by\tm.mann\nm.mann\tborn_in\tm.chicago\n";
const LINK: &str = "item_id:token\tentity_id:token\na\tm.a\nb\tm.b\nz\tm.z\n";

fn files(kg: &str, link: &str) -> Scratch {
    let all = [
        ("films.inter", LOG),
        ("films.item", ITEMS),
        ("films.kg", kg),
        ("films.link", link),
    ];
    let present = all.into_iter().filter(|(_, text)| !text.is_empty());
    let bytes: Vec<(&str, &[u8])> = present.map(|(name, t)| (name, t.as_bytes())).collect();
    Scratch::new(&bytes)
}

fn directory(files: &Scratch) -> Result<Import, DataError> {
    import(&semrec_data::ImportOptions::new(files.dir()), &|_, _, _| ())
}

fn told(dataset: &Dataset) -> Vec<String> {
    let graph = dataset.knowledge.as_ref().unwrap();
    let entity = |e: u32| graph.entities.name(e);
    let triples = graph.triples.iter().map(|t| {
        let relation = graph.relations.name(t.relation);
        format!("{} {relation} {}", entity(t.head), entity(t.tail))
    });
    let links = graph
        .links
        .iter()
        .map(|l| format!("{} is {}", dataset.items.ids.name(l.item), entity(l.entity)));
    triples.chain(links).collect()
}

#[test]
fn a_directory_of_recbole_brings_its_graph() {
    let files = files(KG, LINK);
    let import = directory(&files).unwrap();
    let expected = [
        "m.a directed_by m.mann",
        "m.mann directed m.b",
        "m.mann born_in m.chicago",
        "a is m.a",
        "b is m.b",
    ];
    assert_eq!(told(&import.dataset), expected);
    assert_eq!(
        roles(&import, 2),
        "head_id=head relation_id=relation tail_id=tail"
    );
    assert_eq!(roles(&import, 3), "item_id=item entity_id=entity");
    let (facts, links) = (&import.report.files[2], &import.report.files[3]);
    assert_eq!(
        (facts.part.as_str(), facts.rows, facts.rejected),
        ("facts", 4, 0)
    );
    insta::assert_snapshot!(facts.notes.join("\n"), @r"
    1 rows repeat an earlier one and count once
    4 entities, 3 relations; 2 of 3 items are entities, 2 of the triples have one at an end
    ");
    insta::assert_snapshot!(links.notes.join("\n"), @"1 links are of items that neither the catalogue nor the interactions have, such as z; they were left out");
}

#[test]
fn it_comes_back_from_the_disk_and_is_part_of_the_fingerprint() {
    let source = files(KG, LINK);
    let made = directory(&source).unwrap();
    let out = source.path("out");
    made.save(&out).unwrap();
    let again = Dataset::load(&out).unwrap();
    assert_eq!(told(&again), told(&made.dataset));
    assert_eq!(again.fingerprint, made.dataset.fingerprint);
    assert_eq!(ImportReport::load(&out).unwrap(), made.report);
    let without = directory(&files("", "")).unwrap().dataset;
    assert!(without.knowledge.is_none());
    assert_ne!(again.fingerprint, without.fingerprint);
    let other = directory(&files(&KG.replace("born_in", "lives_in"), LINK)).unwrap();
    assert_ne!(again.fingerprint, other.dataset.fingerprint);
    // Saved over by one without a graph, nothing of the graph is left.
    without.save(&out, &ImportReport::default()).unwrap();
    assert!(!out.join("facts.parquet").exists());
    assert!(Dataset::load(&out).unwrap().knowledge.is_none());
}

#[test]
fn a_changed_or_missing_table_is_refused() {
    let source = files(KG, LINK);
    let out = source.path("out");
    directory(&source).unwrap().save(&out).unwrap();
    let other = files(&KG.replace("born_in", "lives_in"), LINK);
    let other_out = other.path("out");
    directory(&other).unwrap().save(&other_out).unwrap();
    let facts = out.join("facts.parquet");
    let kept = fs::read(&facts).unwrap();
    fs::copy(other_out.join("facts.parquet"), &facts).unwrap();
    let said = source.message(Dataset::load(&out));
    assert!(said.contains("was changed after it was imported"), "{said}");
    fs::write(&facts, &kept[..kept.len() / 2]).unwrap();
    let said = source.message(Dataset::load(&out));
    assert!(said.contains("facts.parquet"), "{said}");
    fs::remove_file(&facts).unwrap();
    let said = source.message(Dataset::load(&out));
    assert!(said.contains("facts.parquet"), "{said}");
}

/// Without links, what has the id of an item is that item; columns without telling names count by
/// their place.
#[test]
fn any_table_of_three_columns_will_do() {
    let source = Scratch::new(&[
        ("log.csv", b"user_id,item_id\nu,a\nu,b\nv,a\n"),
        (
            "facts.csv",
            b"thing,says,other\na,colour,red\nb,colour,red\nred,kind,colour\n",
        ),
    ]);
    let mut options = source.options("log.csv", "");
    options.knowledge = Some(source.path("facts.csv"));
    let import = import(&options, &|_, _, _| ()).unwrap();
    assert_eq!(roles(&import, 1), "thing=head says=relation other=tail");
    let facts = Facts::of(&import.dataset, FactSource::Graph)
        .unwrap()
        .unwrap();
    assert_eq!(
        (facts.len(), facts.of_item(0), facts.of_item(1)),
        (1, &[0][..], &[0][..])
    );
}

#[test]
fn bad_rows_are_named_and_too_many_fail() {
    let bad = format!("{KG}m.a\t\tm.mann\nm.a\tdirected_by\n");
    let source = files(&bad, LINK);
    let mut options = semrec_data::ImportOptions::new(source.dir());
    options.max_rejected_share = 0.5;
    let made = import(&options, &|_, _, _| ()).unwrap();
    let reasons: Vec<String> = made.report.files[2]
        .reasons
        .iter()
        .map(|r| format!("{} × {} ({})", r.rows, r.reason, r.first))
        .collect();
    insta::assert_snapshot!(reasons.join("\n"), @r"
    1 × missing id (line 6, 'relation_id': an empty cell)
    1 × wrong number of columns (line 7: 2 columns, expected 3)
    ");
    made.save(&source.path("out")).unwrap();
    let written = fs::read_to_string(source.path("out").join("rejected.jsonl")).unwrap();
    assert_eq!(written.lines().count(), 2);
    let said = source.message(directory(&source));
    assert!(
        said.contains("films.kg: 2 of 6 rows cannot be read"),
        "{said}"
    );
}

#[test]
fn what_does_not_belong_together_is_refused() {
    let source = files(KG, "item_id:token\tentity_id:token\na\tm.x\n");
    insta::assert_snapshot!(source.message(directory(&source)), @"no fact in DIR/films.kg is of an item: of its 4 entities (such as 'm.a') none is an item of the interactions or the catalogue (such as 'a') by the links that were given");
    let source = files(KG, "");
    insta::assert_snapshot!(source.message(directory(&source)), @"no fact in DIR/films.kg is of an item: of its 4 entities (such as 'm.a') none is an item of the interactions or the catalogue (such as 'a'); say with a file of links which item is which entity");
    let source = files("a:token\tb:token\nx\ty\n", LINK);
    insta::assert_snapshot!(source.message(directory(&source)), @"DIR/films.kg: its columns cannot be told apart: it has a, b; expected head (as head_id), relation (as relation_id), tail (as tail_id), by these names, or no others");
    let source = files(KG, LINK);
    let mut options = source.options("films.inter", "films.item");
    options.links = Some(source.path("films.link"));
    let said = source.message(import(&options, &|_, _, _| ()));
    insta::assert_snapshot!(said, @"DIR/films.link: says which items are entities of a knowledge graph, but no file of its facts was given");
}

#[test]
fn validate_says_how_much_is_linked() {
    let check = |link: &str| {
        let dataset = directory(&files(KG, link)).unwrap().dataset;
        let checks = validate(&dataset, &ValidateOptions::default());
        checks.into_iter().find(|c| c.name == "knowledge").unwrap()
    };
    let most = check(LINK);
    assert_eq!(most.level, Level::Pass);
    insta::assert_snapshot!(most.message, @"3 facts with 3 relations among 4 entities; 2 of 3 items (66.7%) are entities");
    let few = check("item_id:token\tentity_id:token\na\tm.a\n");
    assert_eq!(few.level, Level::Warn);
}

fn graph(n_items: u32) -> impl Strategy<Value = Knowledge> {
    let triples = prop::collection::hash_set((0..8u32, 0..3u32, 0..8u32), 1..20);
    let links = prop::collection::hash_set((0..n_items, 0..8u32), 0..6);
    (triples, links).prop_map(|(triples, links)| {
        let triple = |(head, relation, tail)| Triple {
            head,
            relation,
            tail,
        };
        Knowledge {
            entities: (0..8)
                .map(|i| format!("e{i}"))
                .collect::<Vec<_>>()
                .iter()
                .map(String::as_str)
                .collect(),
            relations: ["r0", "r1", "r2"].into_iter().collect(),
            triples: triples.into_iter().map(triple).collect(),
            links: links
                .into_iter()
                .map(|(item, entity)| Link { item, entity })
                .collect(),
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Facts do not depend on which end of a triple is the head, and say what the triples say.
    #[test]
    fn facts_are_the_neighbours_in_either_direction(graph in graph(5)) {
        let dataset = |graph: Knowledge| {
            let items = Table::of_ids(["a", "b", "c", "d", "e"].into_iter().collect());
            let log = Interactions::from_rows(&[], 0, 5, Clock::None);
            Dataset::new("x", items, Table::default(), log, vec!["seen".into()]).with_knowledge(graph)
        };
        let turned = Knowledge {
            triples: graph
                .triples
                .iter()
                .map(|t| Triple { head: t.tail, tail: t.head, ..*t })
                .collect(),
            ..graph.clone()
        };
        let own = |graph: &Knowledge| -> Vec<Vec<usize>> {
            let found = Facts::of(&dataset(graph.clone()), FactSource::Graph);
            let facts = found.map_or_else(|_| Facts::new::<&str>(&vec![vec![]; 5], &[]), |f| f.unwrap_or_default());
            // How many items share each fact of each item: the same whatever facts are called.
            let counts = facts.counts(|_| true);
            let of = |i: u32| {
                let mut shared: Vec<usize> = facts.of_item(i).iter().map(|&f| counts[f as usize] as usize).collect();
                shared.sort_unstable();
                shared
            };
            (0..5).map(of).collect()
        };
        let expected: Vec<usize> = (0..5u32)
            .map(|item| {
                let mut others: Vec<u32> = Vec::new();
                for link in graph.links.iter().filter(|l| l.item == item) {
                    for t in &graph.triples {
                        if t.head == link.entity { others.push(t.tail); }
                        if t.tail == link.entity { others.push(t.head); }
                    }
                }
                others.sort_unstable();
                others.dedup();
                others.len()
            })
            .collect();
        let straight = own(&graph);
        prop_assert_eq!(straight.iter().map(Vec::len).collect::<Vec<_>>(), expected);
        prop_assert_eq!(straight, own(&turned));
    }
}
