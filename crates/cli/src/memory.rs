//! Resident memory, now and at its peak, where the system tells it (Linux).

/// Forgets the peak so far, so that the next reading is of what came after.
pub(crate) fn reset_peak() {
    // "5" resets VmHWM; elsewhere there is no such file, and the peak stays that of the process.
    std::fs::write("/proc/self/clear_refs", "5").ok();
}

/// Largest resident memory since the last reset, in MiB; 0 where it is not told.
pub(crate) fn peak_mib() -> u64 {
    status_kib("VmHWM:") / 1024
}

/// Resident memory, in KiB; 0 where it is not told.
pub(crate) fn resident_kib() -> u64 {
    status_kib("VmRSS:")
}

/// Largest resident memory since the last reset, in KiB; 0 where it is not told.
pub(crate) fn peak_kib() -> u64 {
    status_kib("VmHWM:")
}

fn status_kib(name: &str) -> u64 {
    let Ok(status) = std::fs::read_to_string("/proc/self/status") else {
        return 0;
    };
    status
        .lines()
        .find_map(|line| line.strip_prefix(name))
        .and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok())
        .unwrap_or(0)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    #[test]
    fn a_running_process_has_memory() {
        let resident = super::resident_kib();
        assert!(resident > 0 && super::peak_kib() >= resident);
    }
}
