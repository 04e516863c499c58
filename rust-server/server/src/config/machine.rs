//! What this machine, or the container around this process, has.

use std::num::NonZero;

use rustix::process::{Resource, getrlimit};
use sysinfo::{MemoryRefreshKind, RefreshKind, System};

/// Returns how many cores this process may use: the CPU quota of its container and its affinity count.
pub(super) fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, NonZero::get)
}

/// Returns how many bytes of memory this process may use: the limits of its container and of itself (`ulimit -v`)
/// count. 0 if nobody knows.
pub(super) fn memory() -> u64 {
    let own = getrlimit(Resource::As).current.unwrap_or(u64::MAX);
    own.min(of_machine())
}

fn of_machine() -> u64 {
    let memory = RefreshKind::nothing().with_memory(MemoryRefreshKind::nothing().with_ram());
    let Ok(system) = System::new_with_specifics(memory) else {
        return 0;
    };
    match system.cgroup_limits() {
        Some(limits) => limits.total_memory.min(system.total_memory()),
        None => system.total_memory(),
    }
}
