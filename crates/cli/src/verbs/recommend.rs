//! `semrec recommend`, `similar` and `search`: questions to a bundle.

use crate::args::{AnswerArgs, RecommendArgs, SearchArgs, SimilarArgs};
use crate::context::Context;
use anyhow::bail;
use semrec_engine::{Engine, Filter, Reply, Request};

pub(crate) fn recommend(context: &Context, args: &RecommendArgs) -> anyhow::Result<()> {
    if args.user.is_none() && args.history.is_empty() && args.text.is_none() {
        bail!("say for whom: --user U, --history a,b,c or --text \"…\" (or several of them)");
    }
    let engine = Engine::open(&args.bundle)?;
    let request = Request {
        user: args.user.clone(),
        history: args.history.clone(),
        text: args.text.clone(),
        k: args.answer.k,
        include_seen: args.include_seen,
        explain: args.explain,
        negative: args.negative.clone(),
        filter: match &args.filter {
            Some(filter) => Filter::parse(filter)?,
            None => Filter::default(),
        },
        diversity: args.diversity,
        now: Some(context.now),
        ..Request::default()
    };
    answer(context, &args.answer, &engine.recommend(&request)?)
}

pub(crate) fn similar(context: &Context, args: &SimilarArgs) -> anyhow::Result<()> {
    let engine = Engine::open(&args.bundle)?;
    let reply = engine.similar(&args.item, args.answer.k, args.explain)?;
    answer(context, &args.answer, &reply)
}

pub(crate) fn search(context: &Context, args: &SearchArgs) -> anyhow::Result<()> {
    let engine = Engine::open(&args.bundle)?;
    answer(
        context,
        &args.answer,
        &engine.search(&args.words, args.answer.k)?,
    )
}

fn answer(context: &Context, how: &AnswerArgs, reply: &Reply) -> anyhow::Result<()> {
    if how.json {
        context.console.line(serde_json::to_string_pretty(reply)?);
        return Ok(());
    }
    print(context, reply);
    Ok(())
}

/// The answer as a table.
pub(crate) fn print(context: &Context, reply: &Reply) {
    let why = reply.items.iter().any(|r| !r.why.is_empty());
    let mut header = vec!["item".to_owned(), "title".to_owned(), "from".to_owned()];
    if why {
        header.push("why".to_owned());
    }
    header.push("score".to_owned());
    let right_from = header.len() - 1;
    let rows = reply.items.iter().map(|r| {
        let mut row = vec![r.item.clone(), r.title.clone(), r.source.clone()];
        if why {
            row.push(r.why.clone());
        }
        row.push(format!("{:.3}", r.score));
        row
    });
    context.console.table(header, rows, right_from);
    for note in &reply.notes {
        context.console.line(format!("note: {note}"));
    }
}
