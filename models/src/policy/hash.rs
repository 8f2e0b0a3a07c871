//! A customer's place in every order that must not depend on the order of the data.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// The first 16 bytes of sha256 over the UTF-8 bytes of the customer id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct CustomerHash(pub [u8; 16]);

/// Number of virtual shards; customers hash into them, prepared data lie in their order, and lists are made one by one.
pub const VIRTUAL_SHARDS: u8 = 64;

impl CustomerHash {
    /// The hash of a customer id.
    pub fn of(customer: &str) -> Self {
        let digest = Sha256::digest(customer.as_bytes());
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&digest[..16]);
        Self(bytes)
    }

    /// The virtual shard: the first 8 bytes, as a big-endian number, modulo [`VIRTUAL_SHARDS`].
    pub fn virtual_shard(self) -> u8 {
        // The remainder by 64 of a big-endian number is that of its last byte.
        self.0[7] % VIRTUAL_SHARDS
    }
}
