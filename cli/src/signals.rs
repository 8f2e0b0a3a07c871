//! Ctrl-C and SIGTERM: once to stop after a checkpoint, twice to stop at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use crate::crew::Halt;

/// Exit codes of a process that a signal stopped.
const INTERRUPTED: u8 = 130;
const TERMINATED: u8 = 143;

/// What the user wants of us.
#[derive(Clone, Debug)]
pub(crate) struct Signals {
    pub(crate) halt: watch::Receiver<Halt>,
    exit: Arc<AtomicU8>,
}

impl Signals {
    /// Begins to listen.
    pub(crate) fn listen() -> std::io::Result<Self> {
        let (sender, halt) = watch::channel(Halt::Not);
        let exit = Arc::new(AtomicU8::new(0));
        let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
        let first = exit.clone();
        tokio::spawn(async move {
            loop {
                let code = tokio::select! {
                    _ = interrupt.recv() => INTERRUPTED,
                    _ = terminate.recv() => TERMINATED,
                };
                let _ = first.compare_exchange(0, code, Ordering::SeqCst, Ordering::SeqCst);
                let next = if *sender.borrow() == Halt::Not { Halt::Soon } else { Halt::Now };
                if sender.send_replace(next) == Halt::Not {
                    eprintln!("stopping: workers write their checkpoints, which takes 15 s at most (once more to stop at once)");
                }
            }
        });
        Ok(Self { halt, exit })
    }

    /// The exit code of a process that was told to stop; `None` if it was not.
    pub(crate) fn exit(&self) -> Option<u8> {
        Some(self.exit.load(Ordering::SeqCst)).filter(|code| *code != 0)
    }
}
