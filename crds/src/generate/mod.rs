//! The files that are made of the types: definitions to install, and annotated examples.

mod annotate;
mod examples;

use crate::definitions::definitions;

/// Every generated file: its path below this crate's folder, and its text.
///
/// # Errors
/// A value that YAML cannot say; the types hold none.
pub fn files() -> Result<Vec<(String, String)>, serde_yaml::SerializeError> {
    let mut files = Vec::new();
    for definition in definitions() {
        let plural = definition["spec"]["names"]["plural"].as_str().unwrap_or_default();
        let text = serde_yaml::to_string(definition)?;
        files.push((format!("generated/{plural}.yaml"), format!("# Generated from the types; see `make generate`.\n{text}")));
    }
    for (name, text) in examples::texts()? {
        files.push((format!("examples/{name}.yaml"), text));
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn committed_files_are_what_is_generated() {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
        let files = files().unwrap();
        for (path, text) in &files {
            let committed = std::fs::read_to_string(root.join(path)).unwrap_or_default();
            assert!(committed == *text, "{path} is not what is generated: run `make generate`");
        }
        for folder in ["generated", "examples"] {
            for entry in std::fs::read_dir(root.join(folder)).unwrap() {
                let path = format!("{folder}/{}", entry.unwrap().file_name().into_string().unwrap());
                assert!(files.iter().any(|(known, _)| *known == path), "{path} is generated no more: remove it");
            }
        }
    }

    #[test]
    fn examples_are_accepted() {
        for (path, text) in files().unwrap().iter().filter(|(path, _)| path.starts_with("examples/")) {
            let objects = crate::document::parse(text, path).unwrap();
            assert_eq!(objects.len(), 1, "{path}");
        }
    }
}
