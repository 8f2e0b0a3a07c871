//! Room for deep expressions.

use std::thread;

/// SQL of 4096 characters can nest some thousand operators, and its planner calls itself for each.
const BYTES: usize = 256 << 20;

/// Runs `work` on a thread of its own with a deep stack. A panic in it goes on here.
pub(crate) fn deep<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    thread::scope(|scope| match thread::Builder::new().stack_size(BYTES).spawn_scoped(scope, work) {
        Ok(running) => running.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)),
        // Without a thread there is no memory for anything else either.
        Err(error) => std::panic::resume_unwind(Box::new(error.to_string())),
    })
}
