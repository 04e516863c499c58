//! How the system divides the time of cores that are wanted by more than one thread.

/// Lets every other thread go first that has something to do (`SCHED_IDLE`, see `sched(7)`).
///
/// With any other policy, niceness 19 included, Linux lets a thread run for some milliseconds before one that wakes up
/// gets the core, and a tiny call has to wait for so long. The price: where other processes of the same control group
/// want all cores all the time, long jobs hardly get on.
#[cfg(target_os = "linux")]
pub(super) fn give_way() {
    use thread_priority::{
        NormalThreadSchedulePolicy, ThreadPriority, ThreadSchedulePolicy,
        set_thread_priority_and_policy, thread_native_id,
    };

    let idle = ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Idle);
    let set = set_thread_priority_and_policy(thread_native_id(), ThreadPriority::Min, idle);
    if let Err(error) = set {
        tracing::debug!(?error, "the policy was refused; all threads are equal");
    }
}

/// Does nothing: the policy is Linux's.
#[cfg(not(target_os = "linux"))]
pub(super) fn give_way() {}
