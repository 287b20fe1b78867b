//! The data set this repository ships.

use semrec_data::{Clock, Dataset, ImportOptions, Values, import};
use std::path::Path;

#[test]
fn ml_latest_small_is_read_whole_and_comes_back_from_disk() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../data/ml-latest-small");
    let import = import(&ImportOptions::new(&source), &|_, _, _| ()).unwrap();
    let data = &import.dataset;
    assert_eq!(data.name, "ml-latest-small");
    // README.txt: 100,004 ratings across 9,125 movies by 671 users.
    assert_eq!(
        (data.users.len(), data.items.len(), data.interactions.len()),
        (671, 9_125, 100_004)
    );
    assert_eq!(data.clock(), Clock::Seconds);
    let toy_story = data.items.ids.get("1").unwrap();
    assert_eq!(
        data.items.text(toy_story),
        "Toy Story (1995). Adventure, Animation, Children, Comedy, Fantasy"
    );
    let Values::Category(genres) = &data.items.fields[1].values else {
        panic!("genres are labels");
    };
    assert!(genres.iter().flatten().all(|g| !g.contains('|')));
    assert_eq!(
        import.report.files[1].notes,
        ["4 columns without a name are ignored"]
    );
    let dir = tempfile::tempdir().unwrap();
    import.save(&dir.path().join("ml")).unwrap();
    let again = Dataset::load(&dir.path().join("ml")).unwrap();
    assert_eq!(again.fingerprint, data.fingerprint);
    assert_eq!(again.interactions.events(), data.interactions.events());
}
