//! `reprise install`: manifests with a team's own names in them.

use reprise_crds::contract::ExitCode;

use crate::arguments::NamespaceArguments;
use crate::failure::{Failure, Result};

/// What `manifests/team` says of a team called crm.
const TEAM: &str = include_str!("../../manifests/team/namespace.yaml");

/// Prints a team's namespace.
pub(crate) fn namespace(arguments: &NamespaceArguments) -> Result<()> {
    print!("{}", build(&arguments.name, &arguments.artifacts).map_err(|message| Failure::new(ExitCode::Usage, message))?);
    Ok(())
}

/// The manifests of a namespace; an error says what to write instead.
fn build(name: &str, folders: &[String]) -> Result<String, String> {
    let of_label = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if name.is_empty() || name.len() > 63 || !name.bytes().all(of_label) || name.starts_with('-') || name.ends_with('-') {
        return Err(format!("{name:?} is no namespace: write at most 63 small letters, digits and '-', as crm-nordics"));
    }
    for folder in folders {
        let path = folder.strip_prefix("gs://").unwrap_or_default().trim_end_matches('/');
        let well = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-=@+".contains(&byte);
        if path.is_empty() || !path.bytes().all(well) || path.split('/').any(|part| matches!(part, "" | "." | "..")) {
            return Err(format!("{folder:?} is no folder of a bucket: write gs://bucket/folder"));
        }
    }
    let text = TEAM.replace("name: crm\n", &format!("name: {name}\n")).replace("namespace: crm\n", &format!("namespace: {name}\n"));
    Ok(text.replace("gs://acme-models/crm", &folders.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::build;

    #[test]
    fn a_teams_namespace_has_its_own_names_everywhere() {
        let text = build("crm-nordics", &["gs://acme/nordics".to_owned(), "gs://acme/shared/".to_owned()]).unwrap();
        assert!(!text.contains(" crm\n") && !text.contains("acme-models"), "{text}");
        assert_eq!(text.matches("namespace: crm-nordics\n").count(), 2);
        assert!(text.contains("  name: crm-nordics\n") && text.contains("artifact-roots: gs://acme/nordics, gs://acme/shared/\n"));
        assert!(text.contains("pod-security.kubernetes.io/enforce: restricted"));
    }

    #[test]
    fn names_that_are_none_are_refused() {
        for (name, folder) in [
            ("", "gs://a/b"),
            ("Crm", "gs://a/b"),
            ("-crm", "gs://a/b"),
            ("crm\nkind: Secret", "gs://a/b"),
            ("crm", "s3://a/b"),
            ("crm", "gs://"),
            ("crm", "gs://a/../b"),
            ("crm", "gs://a/b\n"),
            ("crm", "gs://a/b, gs://c"),
        ] {
            assert!(build(name, &[folder.to_owned()]).is_err(), "{name:?} {folder:?}");
        }
    }
}
