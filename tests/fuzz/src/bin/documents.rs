//! Any text as a YAML file of objects.
#![no_main]

use libfuzzer_sys::fuzz_target;
use reprise_crds::document;

fuzz_target!(|text: &str| {
    if let Err(refusals) = document::parse(text, "file.yaml") {
        assert!(!refusals.is_empty(), "refused without a reason");
        for refusal in refusals {
            assert!(refusal.to_string().contains("file.yaml"), "{refusal} does not name the file");
        }
    }
});
