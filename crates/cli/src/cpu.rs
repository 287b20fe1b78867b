//! Processor time, where the system tells it (Linux).

/// Seconds all threads of this process have run, to a hundredth.
pub(crate) fn seconds() -> Option<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    // The name of the program, in brackets, may hold spaces; user and system time are the 12th and
    // 13th values behind it, in ticks of which there are a hundred a second.
    let (_, fields) = stat.rsplit_once(')')?;
    let ticks = fields.split_whitespace().skip(11).take(2);
    let ticks = ticks.map(|t| t.parse::<f64>().ok());
    Some(ticks.sum::<Option<f64>>()? / 100.0)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    #[test]
    fn time_passes_by_work() {
        let before = super::seconds().unwrap();
        let mut state = 1u64;
        while super::seconds().unwrap() < before + 0.02 {
            for _ in 0..10_000 {
                state = std::hint::black_box(state.wrapping_mul(6_364_136_223_846_793_005));
            }
        }
        assert!(super::seconds().unwrap() > before);
    }
}
