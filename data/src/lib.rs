//! Grows with its issue; see ARCHITECTURE.md for its one sentence.
