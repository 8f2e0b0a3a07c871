//! What is in the images, and what is not.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test says so")]

use std::collections::BTreeSet;

use reprise_doubles::skip;
use reprise_tests::images::{Image, NAMES, wrap};
use reprise_tests::{installation, machine};

/// Libraries that a program may be linked to: those of the C language.
const LIBRARIES: [&str; 5] = ["ld-linux-x86-64.so.2", "libc.so.6", "libgcc_s.so.1", "libm.so.6", "libstdc++.so.6"];

#[test]
fn images_hold_their_program_and_no_shell() {
    if let Err(reason) = machine::kubernetes() {
        return skip("images_hold_their_program_and_no_shell", &reason.to_string());
    }
    let folder = tempfile::tempdir().unwrap();
    let programs = installation::programs().unwrap();
    let images: Vec<Image> = wrap(&programs, folder.path(), "test").unwrap().iter().map(|archive| Image::read(archive).unwrap()).collect();
    for (image, name) in images.iter().zip(NAMES) {
        let files: BTreeSet<&str> =
            image.files.iter().filter(|(mode, _, _)| mode.starts_with('-')).map(|(_, _, path)| path.as_str()).collect();
        let program = format!("bin/reprise-{name}");
        let libraries: BTreeSet<&str> = files.iter().filter(|path| path.contains(".so")).copied().collect();
        let others: Vec<&str> = files.difference(&libraries).copied().collect();
        assert_eq!(others, [program.as_str(), "etc/passwd", "etc/ssl/certs/ca-certificates.crt"]);
        for library in libraries {
            assert!(LIBRARIES.contains(&library.rsplit('/').next().unwrap()), "{name} is linked to {library}");
        }
        let config = &image.config["config"];
        assert_eq!((config["User"].as_str(), config["Entrypoint"][0].as_str()), (Some("65532:65532"), Some(&*format!("/{program}"))));
        let rights = image.files.iter().find(|(mode, _, path)| mode.contains(['s', 'S']) || (mode.ends_with("w-") && path != "tmp/"));
        assert_eq!(rights, None, "a file gives rights or may be written by everybody");
    }
    let again = wrap(&programs, &folder.path().join("again"), "test").unwrap();
    let digests = |archives: &[std::path::PathBuf]| archives.iter().map(|archive| Image::read(archive).unwrap().digest).collect::<Vec<_>>();
    assert_eq!(digests(&again), images.iter().map(|image| image.digest.clone()).collect::<Vec<_>>(), "the same programs, the same bytes");
}
