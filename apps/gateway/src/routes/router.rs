//! Finds the endpoint of a path in a time that depends on the path, not on the number of routes.

use actix_web::http::Method;
use percent_encoding::percent_decode_str;

use super::Endpoint;

/// The table of routes, indexed for lookups. Fixed segments win over `{id}`, and a trailing slash makes no difference.
pub struct Router {
    endpoints: Vec<Endpoint>,
    nodes: Vec<Node>,
    tree: matchit::Router<usize>,
}

/// Everything under one path.
struct Node {
    template: &'static str,
    methods: Vec<(Method, usize)>,
    allow: String,
}

pub enum Found<'r> {
    Endpoint {
        endpoint: &'r Endpoint,
        template: &'static str,
        params: Vec<String>,
    },
    /// The path exists, for other methods.
    OtherMethods {
        template: &'static str,
        allow: &'r str,
    },
    Nothing,
}

impl<'r> Found<'r> {
    pub fn endpoint(&self) -> Option<&'r Endpoint> {
        match self {
            Self::Endpoint { endpoint, .. } => Some(endpoint),
            Self::OtherMethods { .. } | Self::Nothing => None,
        }
    }

    /// The path template; `none` if there is none.
    pub fn template(&self) -> &'static str {
        match self {
            Self::Endpoint { template, .. } | Self::OtherMethods { template, .. } => template,
            Self::Nothing => "none",
        }
    }
}

impl Router {
    /// Fails if two entries have the same method and path.
    pub fn new(endpoints: Vec<Endpoint>) -> Result<Self, String> {
        let (mut nodes, mut tree) = (Vec::<Node>::new(), matchit::Router::new());
        for (index, endpoint) in endpoints.iter().enumerate() {
            for (template, method) in endpoint.paths().flat_map(|path| endpoint.methods.iter().map(move |m| (path, m)))
            {
                let node = match nodes.iter().position(|node| node.template == template) {
                    Some(node) => node,
                    None => {
                        tree.insert(template, nodes.len()).map_err(|error| format!("{template}: {error}"))?;
                        nodes.push(Node { template, methods: Vec::new(), allow: String::new() });
                        nodes.len() - 1
                    }
                };
                let node = &mut nodes[node];
                if node.methods.iter().any(|(known, _)| known == method) {
                    return Err(format!("{method} {template} stands twice in the table"));
                }
                node.methods.push((method.clone(), index));
            }
        }
        for node in &mut nodes {
            let mut names: Vec<_> = node.methods.iter().map(|(method, _)| method.as_str()).collect();
            if names.contains(&"GET") {
                names.push("HEAD");
            }
            if !names.contains(&"OPTIONS") {
                names.push("OPTIONS");
            }
            node.allow = names.join(", ");
        }
        Ok(Self { endpoints, nodes, tree })
    }

    pub fn endpoints(&self) -> &[Endpoint] {
        &self.endpoints
    }

    pub fn find(&self, method: &Method, path: &str) -> Found<'_> {
        let path = match path.strip_suffix('/') {
            Some("") | None => path,
            Some(shorter) => shorter,
        };
        let Ok(at) = self.tree.at(path) else { return Found::Nothing };
        let node = &self.nodes[*at.value];
        // RFC 9110 §9.3.2: what answers GET answers HEAD; the protocol layer omits the body.
        let method = if *method == Method::HEAD { &Method::GET } else { method };
        let Some((_, index)) = node.methods.iter().find(|(known, _)| known == method) else {
            return Found::OtherMethods { template: node.template, allow: &node.allow };
        };
        let params =
            at.params.iter().map(|(_, raw)| percent_decode_str(raw).decode_utf8_lossy().into_owned()).collect();
        Found::Endpoint { endpoint: &self.endpoints[*index], template: node.template, params }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        problem::Answer,
        routes::{get, patch},
    };

    async fn nothing() -> Answer<&'static str> {
        Ok("")
    }

    fn router() -> Router {
        Router::new(vec![
            get("/api/things", nothing),
            get("/api/things/{id}", nothing).also("/api/stuff/{id}"),
            patch("/api/things/{id}", nothing).or_put(),
            get("/api/things/search", nothing),
        ])
        .unwrap()
    }

    fn found(method: Method, path: &str) -> String {
        match router().find(&method, path) {
            Found::Endpoint { endpoint, params, .. } => format!("{} {params:?}", endpoint.path),
            Found::OtherMethods { allow, .. } => allow.to_owned(),
            Found::Nothing => "nothing".to_owned(),
        }
    }

    #[test]
    fn paths_find_their_endpoint() {
        for (method, path, expected) in [
            (Method::GET, "/api/things", "/api/things []"),
            (Method::GET, "/api/things/", "/api/things []"),
            (Method::HEAD, "/api/things", "/api/things []"),
            (Method::GET, "/api/things/7", "/api/things/{id} [\"7\"]"),
            (Method::GET, "/api/things/%F0%9F%90%88/", "/api/things/{id} [\"🐈\"]"),
            (Method::GET, "/api/things/a%2Fb", "/api/things/{id} [\"a/b\"]"),
            (Method::PUT, "/api/things/7", "/api/things/{id} [\"7\"]"),
            (Method::GET, "/api/stuff/7", "/api/things/{id} [\"7\"]"),
            (Method::GET, "/api/things/search", "/api/things/search []"),
            (Method::DELETE, "/api/things/7", "GET, PATCH, PUT, HEAD, OPTIONS"),
            (Method::GET, "/api/things/7/8", "nothing"),
            (Method::GET, "/", "nothing"),
            (Method::GET, "//", "nothing"),
        ] {
            assert_eq!(found(method, path), expected, "{path}");
        }
    }

    #[test]
    fn a_line_cannot_stand_twice() {
        assert!(Router::new(vec![get("/a", nothing), get("/a", nothing)]).is_err());
    }
}
