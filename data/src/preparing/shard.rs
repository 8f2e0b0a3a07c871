//! Customers hash into shards: the unit in which a country is held in memory, and in which scoring is shared out.

use reprise_models::policy::{CustomerHash, VIRTUAL_SHARDS};

/// Number of shards of every prepared set.
pub const SHARDS: u8 = VIRTUAL_SHARDS;

/// The shard of a customer, 0..64: the first 8 bytes of SHA-256 of the id, as a big-endian number, modulo 64.
pub fn shard(customer_id: &str) -> u8 {
    CustomerHash::of(customer_id).virtual_shard()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_are_those_of_another_implementation() {
        // python3 -c 'import hashlib; print([int.from_bytes(hashlib.sha256(c.encode()).digest()[:8],"big")%64 for c in ["","a","13085","café"]])'
        assert_eq!(["", "a", "13085", "café"].map(shard), [20, 10, 61, 9]);
    }
}
