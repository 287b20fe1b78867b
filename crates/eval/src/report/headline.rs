//! The sentences that open the page: which model is best, by how much, and how sure that is.

use super::format::{figure, p_value};
use super::series::Series;
use crate::{Comparison, Results};

/// One or two sentences; `series` are the models, best first by `metric`.
pub(super) fn headline(results: &Results, series: &[Series<'_>], metric: &str) -> Vec<String> {
    let Some(best) = series.first().map(|s| s.model) else {
        return Vec::new();
    };
    let value = |i: usize| series[i].model.metrics.get(metric).copied().unwrap_or(0.0);
    let tested = |name: &str| results.comparisons.iter().find(|c| c.b == name);
    let mut first = format!(
        "{} ranks best: {metric} of {}",
        best.name,
        figure(metric, value(0))
    );
    if let Some(&[low, high]) = best.ci95.get(metric) {
        let ends = (figure(metric, low), figure(metric, high));
        first.push_str(&format!(" (95% interval {} to {})", ends.0, ends.1));
    }
    let baseline = series.iter().position(|s| s.model.name == "popularity");
    match baseline {
        Some(0) => first.push_str(": no model beats showing everybody what is popular"),
        Some(i) if value(i) > 0.0 => {
            let times = value(0) / value(i);
            first.push_str(&format!(", {times:.1} times that of popularity"));
            first.push_str(&certainty(tested("popularity")));
        }
        Some(_) => first.push_str(", where popularity finds nothing"),
        None => {}
    }
    first.push('.');
    let mut sentences = vec![first];
    if let Some(second) = series.get(1).filter(|s| s.model.name != "popularity") {
        let behind = value(0) - value(1);
        let test = tested(&second.model.name);
        let verdict = match test {
            Some(c) if c.p_holm < 0.05 => "a difference that luck hardly explains",
            Some(_) => "a difference that may be luck",
            None => "not tested",
        };
        sentences.push(format!(
            "The runner-up, {}, is {} behind{}: {verdict}.",
            second.model.name,
            figure(metric, behind),
            certainty(test)
        ));
    }
    sentences
}

fn certainty(test: Option<&Comparison>) -> String {
    test.map_or(String::new(), |c| {
        let p = p_value(c.p_holm);
        let equals = if p.starts_with('<') { "" } else { "=\u{a0}" };
        format!(" (p\u{a0}{equals}{p})")
    })
}
