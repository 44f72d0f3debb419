//! The settings that say where the bytes are: `STORAGE_URL` and `MEDIA_ROOT`.

use std::{
    fmt,
    path::{Path, PathBuf},
};

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    Folder(PathBuf),
    S3(Bucket),
}

/// `s3://bucket/prefix?endpoint=…&public_endpoint=…&region=…&path_style=…`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bucket {
    pub name: String,
    /// Empty, or with a `/` at its end.
    pub prefix: String,
    /// The server; AWS if there is none. Without a `/` at its end, like the next one.
    pub endpoint: Option<String>,
    /// The server as clients reach it, for signed addresses; without it, only AWS is known to be reached by them.
    pub public_endpoint: Option<String>,
    pub region: String,
    /// Whether the bucket is in the path of addresses and not in the name of the host.
    pub path_style: bool,
}

/// The keys of S3.
#[derive(Clone)]
pub struct Credentials {
    pub key_id: String,
    pub secret: String,
    /// Only temporary keys have one.
    pub token: Option<String>,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("key_id", &self.key_id).finish_non_exhaustive()
    }
}

/// What a server of its own gets as its region, if none is given: all of them accept this one.
const REGION: &str = "us-east-1";

impl Place {
    /// Without `storage_url` (or with an empty one), the folder `media_root`. The error says what would be valid.
    pub fn parse(storage_url: &str, media_root: &Path) -> Result<Self, String> {
        if storage_url.is_empty() {
            return Ok(Self::Folder(media_root.to_owned()));
        }
        if let Some(rest) = storage_url.strip_prefix("s3://") {
            return Ok(Self::S3(Bucket::parse(rest)?));
        }
        let folder = storage_url.strip_prefix("file:").unwrap_or_default();
        match folder.strip_prefix("//").unwrap_or(folder) {
            "" => Err("must be file:/folder or s3://bucket/prefix".to_owned()),
            // A host is not a folder: file://folder looks like a relative one, and is none.
            relative if folder.starts_with("//") && !relative.starts_with('/') => {
                Err("must be file:/folder or file:///folder, without a host".to_owned())
            }
            folder => Ok(Self::Folder(folder.into())),
        }
    }
}

impl Place {
    /// Whether both name the same objects, whatever else they say of the way to them.
    pub fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Folder(one), Self::Folder(other)) => {
                let real = |folder: &Path| {
                    folder.canonicalize().or_else(|_| std::path::absolute(folder)).unwrap_or_else(|_| folder.to_owned())
                };
                real(one) == real(other)
            }
            (Self::S3(one), Self::S3(other)) => {
                (&one.name, &one.prefix, &one.endpoint) == (&other.name, &other.prefix, &other.endpoint)
                    && (one.endpoint.is_some() || one.region == other.region)
            }
            (Self::Folder(_) | Self::S3(_), _) => false,
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder(folder) => write!(f, "file:{}", folder.display()),
            Self::S3(bucket) => write!(f, "s3://{}/{}", bucket.name, bucket.prefix),
        }
    }
}

impl Bucket {
    fn parse(rest: &str) -> Result<Self, String> {
        let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (name, prefix) = place.split_once('/').unwrap_or((place, ""));
        let octet = |octet: u8| matches!(octet, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.');
        if !(3..=63).contains(&name.len()) || !name.bytes().all(octet) {
            return Err("the bucket must have 3 to 63 lowercase letters, digits, '-' and '.'".to_owned());
        }
        let prefix = prefix.trim_end_matches('/');
        let plain = |part: &str| {
            let octet = |octet: u8| octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'_' | b'.');
            !part.is_empty() && !matches!(part, "." | "..") && part.bytes().all(octet)
        };
        if !prefix.is_empty() && !prefix.split('/').all(plain) {
            return Err(
                "the prefix must be names of ASCII letters, digits, '-', '_' and '.', separated by '/'".to_owned()
            );
        }
        let mut bucket = Self {
            name: name.to_owned(),
            prefix: if prefix.is_empty() { String::new() } else { format!("{prefix}/") },
            endpoint: None,
            public_endpoint: None,
            region: String::new(),
            path_style: false,
        };
        let mut path_style = None;
        for (key, value) in form_urlencoded::parse(query.as_bytes()) {
            match &*key {
                "endpoint" => bucket.endpoint = Some(endpoint(&value)?),
                "public_endpoint" => bucket.public_endpoint = Some(endpoint(&value)?),
                "region" => bucket.region = value.into_owned(),
                "path_style" => {
                    path_style = Some(match &*value {
                        "true" | "1" => true,
                        "false" | "0" => false,
                        _ => return Err("path_style must be true or false".to_owned()),
                    });
                }
                _ => {
                    return Err(format!(
                        "has no parameter '{key}'; there are endpoint, public_endpoint, region and path_style"
                    ));
                }
            }
        }
        // A bucket of AWS is somewhere; a server of its own is everywhere.
        if bucket.region.is_empty() && bucket.endpoint.is_none() {
            return Err("needs a region, such as s3://bucket?region=eu-central-1, or an endpoint".to_owned());
        }
        if bucket.region.is_empty() {
            REGION.clone_into(&mut bucket.region);
        }
        bucket.path_style = path_style.unwrap_or(bucket.endpoint.is_some());
        Ok(bucket)
    }

    /// The address of the bucket at this server.
    pub(crate) fn at(&self, endpoint: &str) -> String {
        match endpoint.split_once("://") {
            Some((scheme, host)) if !self.path_style => format!("{scheme}://{}.{host}", self.name),
            _ => endpoint.to_owned(),
        }
    }
}

/// `http://host:port` or `https://host:port`: the path is the bucket's.
fn endpoint(value: &str) -> Result<String, String> {
    let value = value.trim_end_matches('/');
    let host = value.strip_prefix("http://").or_else(|| value.strip_prefix("https://")).unwrap_or_default();
    let octet = |octet: u8| octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'.' | b':' | b'[' | b']');
    match !host.is_empty() && host.bytes().all(octet) {
        true => Ok(value.to_owned()),
        false => Err(format!("'{value}' must be http://host:port or https://host:port")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(url: &str) -> Result<Place, String> {
        Place::parse(url, Path::new("/media"))
    }

    fn bucket(url: &str) -> Bucket {
        match parsed(url).unwrap() {
            Place::S3(bucket) => bucket,
            Place::Folder(_) => panic!("{url} is no bucket"),
        }
    }

    #[test]
    fn folders() {
        for (url, folder) in
            [("", "/media"), ("file:/a b", "/a b"), ("file:///a", "/a"), ("file:data/media", "data/media")]
        {
            assert_eq!(parsed(url), Ok(Place::Folder(folder.into())), "{url}");
        }
        for url in ["file:", "file://", "file://host/a", "folder", "/media", "http://host/", "S3://bucket?region=a"] {
            assert!(parsed(url).is_err(), "{url}");
        }
    }

    #[test]
    fn buckets() {
        let aws = bucket("s3://photos?region=eu-central-1");
        assert_eq!((aws.name.as_str(), aws.prefix.as_str(), aws.path_style), ("photos", "", false));
        assert_eq!((aws.region.as_str(), aws.endpoint), ("eu-central-1", None));

        let own = bucket(
            "s3://photos/clowder/A_1/?endpoint=http%3A%2F%2Fs3.local:8333/&public_endpoint=https://files.example.org",
        );
        assert_eq!((own.prefix.as_str(), own.region.as_str(), own.path_style), ("clowder/A_1/", "us-east-1", true));
        assert_eq!(own.endpoint.as_deref(), Some("http://s3.local:8333"));
        assert_eq!(own.at("http://s3.local:8333"), "http://s3.local:8333");

        let hosted = bucket("s3://photos?endpoint=https://s3.local&path_style=false");
        assert_eq!(hosted.at("https://s3.local"), "https://photos.s3.local");
    }

    #[test]
    fn places_that_are_one() {
        for (one, other, same) in [
            ("file:/a/b", "file:///a/b", true),
            ("file:/a/b", "file:/a/c", false),
            ("file:/a/b/", "file:/a/b", true),
            ("s3://photos?region=a", "s3://photos/?region=a&path_style=true", true),
            ("s3://photos?region=a", "s3://photos?region=b", false),
            ("s3://photos?endpoint=http://h:1", "s3://photos?endpoint=http://h:1/&region=b", true),
            ("s3://photos?endpoint=http://h:1", "s3://photos?endpoint=http://h:2", false),
            ("s3://photos/a?region=a", "s3://photos/b?region=a", false),
            ("s3://photos?region=a", "file:/photos", false),
        ] {
            let (first, second) = (parsed(one).unwrap(), parsed(other).unwrap());
            assert_eq!((first.is_same(&second), second.is_same(&first)), (same, same), "{one} {other}");
        }
        assert_eq!(parsed("s3://photos/a?region=a").unwrap().to_string(), "s3://photos/a/");
    }

    #[test]
    fn faults_are_named() {
        for (url, part) in [
            ("s3://photos", "region"),
            ("s3://", "bucket"),
            ("s3://Photos?region=a", "bucket"),
            ("s3://photos/../x?region=a", "prefix"),
            ("s3://photos//x?region=a", "prefix"),
            ("s3://photos?region=a&pathstyle=true", "pathstyle"),
            ("s3://photos?region=a&path_style=yes", "path_style"),
            ("s3://photos?endpoint=s3.local", "s3.local"),
            ("s3://photos?endpoint=http://s3.local/path", "host:port"),
        ] {
            let fault = parsed(url).unwrap_err();
            assert!(fault.contains(part), "{url}: {fault}");
        }
    }
}
