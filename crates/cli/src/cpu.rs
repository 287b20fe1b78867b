//! Processor time, where the system tells it (Linux).

/// Seconds all threads of this process have run, to a hundredth.
pub(crate) fn seconds() -> Option<f64> {
    parse(&std::fs::read_to_string("/proc/self/stat").ok()?)
}

/// The name of the program, in brackets, may hold anything; user and system time are the 12th and
/// 13th values behind it, in ticks of which there are a hundred a second.
fn parse(stat: &str) -> Option<f64> {
    let (_, fields) = stat.rsplit_once(')')?;
    let mut ticks = fields.split_whitespace().skip(11);
    let mut next = || ticks.next()?.parse::<f64>().ok();
    Some((next()? + next()?) / 100.0)
}

#[cfg(test)]
mod tests {
    #[test]
    fn user_and_system_ticks_are_added() {
        let stat = "7 (a b) c) R 1 2 3 4 5 6 7 8 9 10 150 25 0 0";
        assert_eq!(super::parse(stat), Some(1.75));
        assert_eq!(super::parse("7 (short) R 1 2 3 4 5 6 7 8 9 10 150"), None);
        assert_eq!(super::parse(""), None);
    }
}
