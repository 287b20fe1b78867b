//! `semrec store`: the store of a service as Parquet files, and back.

use crate::args::StoreVerb;
use crate::context::Context;
use anyhow::bail;
use semrec_store::Store;

pub(crate) fn run(context: &Context, verb: &StoreVerb) -> anyhow::Result<()> {
    let (what, where_to, [items, users, events]) = match verb {
        StoreVerb::Export(args) => {
            let path = &args.at.store.0;
            if !path.exists() {
                bail!("{}: there is no store; see --store", path.display());
            }
            ("wrote", &args.out, Store::open(path)?.export(&args.out)?)
        }
        StoreVerb::Import(args) => {
            let path = &args.at.store.0;
            ("read", path, Store::open(path)?.import(&args.from)?)
        }
    };
    context.console.line(format!(
        "{what} {}: {items} items (deleted ones too), {users} people who are described, {events} events; keys are not among them",
        where_to.display()
    ));
    Ok(())
}
