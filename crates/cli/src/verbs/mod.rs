//! One file a verb.

mod embed;
mod evaluate;
mod finetune;
mod import;
mod mine;
mod model;
mod recommend;
mod refit;
mod serve;
mod store;
mod train;
mod tune;
mod up;
mod validate;

use crate::args::Verb;
use crate::context::Context;

/// Does what was asked for; `false` if what was checked did not pass.
pub(crate) fn run(context: &Context, verb: &Verb) -> anyhow::Result<bool> {
    match verb {
        Verb::Import(args) => import::run(context, args).map(|()| true),
        Verb::Validate(args) => validate::run(context, args),
        Verb::Embed(args) => embed::run(context, args).map(|()| true),
        Verb::Train(args) => train::run(context, args).map(|()| true),
        Verb::Finetune(args) => finetune::run(context, args).map(|()| true),
        Verb::Tune(args) => tune::run(context, args).map(|()| true),
        Verb::Evaluate(args) => evaluate::run(context, args).map(|()| true),
        Verb::Recommend(args) => recommend::recommend(context, args).map(|()| true),
        Verb::Similar(args) => recommend::similar(context, args).map(|()| true),
        Verb::Search(args) => recommend::search(context, args).map(|()| true),
        Verb::Serve(args) => serve::run(context, args).map(|()| true),
        Verb::Key(verb) => serve::key(context, verb).map(|()| true),
        Verb::Store(verb) => store::run(context, verb).map(|()| true),
        Verb::Mine(args) => mine::run(context, args).map(|()| true),
        Verb::Up(args) => up::run(context, args).map(|()| true),
        Verb::Model(verb) => model::run(context, verb).map(|()| true),
    }
}
