//! From a request's method and path to what is asked.

use http::Method;

/// What is asked, in the words of RBAC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verb {
    /// Read one.
    Get,
    /// Read many.
    List,
    /// Read many and their changes.
    Watch,
    /// Make one.
    Create,
    /// Replace one.
    Update,
    /// Change parts of one.
    Patch,
    /// Delete one.
    Delete,
}

impl Verb {
    /// As in a Role.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::List => "list",
            Self::Watch => "watch",
            Self::Create => "create",
            Self::Update => "update",
            Self::Patch => "patch",
            Self::Delete => "delete",
        }
    }

    /// Whether it can change anything.
    pub const fn is_write(self) -> bool {
        !matches!(self, Self::Get | Self::List | Self::Watch)
    }
}

/// What a request is about.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address {
    /// The API group; empty for the core.
    pub group: String,
    /// The version.
    pub version: String,
    /// The resource in the plural.
    pub resource: String,
    /// The namespace; empty for what has none, or for all.
    pub namespace: String,
    /// The name; empty for many.
    pub name: String,
    /// `status`, or empty.
    pub subresource: String,
}

impl Address {
    /// Parses a path as `/apis/batch/v1/namespaces/crm/jobs/a/status`; `None` for what no client of ours asks.
    pub fn parse(path: &str) -> Option<Self> {
        let mut parts: Vec<&str> = path.trim_matches('/').split('/').collect();
        let mut address = Self::default();
        match parts.first() {
            Some(&"api") if parts.len() >= 3 => {
                parts[1].clone_into(&mut address.version);
                parts.drain(..2);
            }
            Some(&"apis") if parts.len() >= 4 => {
                (address.group, address.version) = (parts[1].to_owned(), parts[2].to_owned());
                parts.drain(..3);
            }
            _ => return None,
        }
        if parts.first() == Some(&"namespaces") && parts.len() >= 3 && parts[2] != "status" {
            parts[1].clone_into(&mut address.namespace);
            parts.drain(..2);
        }
        let mut rest = parts.into_iter().map(str::to_owned);
        address.resource = rest.next()?;
        address.name = rest.next().unwrap_or_default();
        address.subresource = rest.next().unwrap_or_default();
        rest.next().is_none().then_some(address)
    }

    /// What a method asks of it.
    pub fn verb(&self, method: &Method, watches: bool) -> Option<Verb> {
        Some(match (method.as_str(), self.name.is_empty()) {
            ("GET", false) => Verb::Get,
            ("GET", true) if watches => Verb::Watch,
            ("GET", true) => Verb::List,
            ("POST", true) => Verb::Create,
            ("PUT", false) => Verb::Update,
            ("PATCH", false) => Verb::Patch,
            ("DELETE", false) => Verb::Delete,
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_taken_apart() {
        let shown = |path: &str| {
            let at = Address::parse(path).unwrap();
            format!("{}|{}|{}|{}|{}|{}", at.group, at.version, at.resource, at.namespace, at.name, at.subresource)
        };
        assert_eq!(shown("/api/v1/namespaces/crm"), "|v1|namespaces||crm|");
        assert_eq!(shown("/api/v1/namespaces/crm/pods"), "|v1|pods|crm||");
        assert_eq!(shown("/api/v1/nodes/n1"), "|v1|nodes||n1|");
        assert_eq!(shown("/apis/batch/v1/namespaces/crm/jobs/a/status"), "batch|v1|jobs|crm|a|status");
        assert_eq!(shown("/apis/reprise.dev/v1alpha1/trainingruns"), "reprise.dev|v1alpha1|trainingruns|||");
        assert_eq!(Address::parse("/version"), None);
        assert_eq!(Address::parse("/api/v1/namespaces/crm/pods/a/log/more"), None);
    }
}
