//! `semrec store`: the store of a service as Parquet files, and back.

use crate::args::StoreVerb;
use crate::context::Context;
use crate::verbs::serve::opened;
use anyhow::bail;

pub(crate) fn run(context: &Context, verb: &StoreVerb) -> anyhow::Result<()> {
    let (what, where_to, [items, users, events]) = match verb {
        StoreVerb::Export(args) => {
            let place = &args.at.store;
            if let Some(path) = place.file().filter(|path| !path.exists()) {
                bail!("{}: there is no store; see --store", path.display());
            }
            let counts = opened(place)?.export(&args.out)?;
            ("wrote", args.out.display().to_string(), counts)
        }
        StoreVerb::Import(args) => {
            let place = &args.at.store;
            let counts = opened(place)?.import(&args.from)?;
            ("filled", place.to_string(), counts)
        }
    };
    context.console.line(format!(
        "{what} {where_to}: {items} items (deleted ones too), {users} people who are described, {events} events; keys are not among them"
    ));
    Ok(())
}
