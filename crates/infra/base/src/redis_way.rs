//! How to reach Redis: one server, any node of a Cluster, or the primary that Sentinels name.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use clowder_core::{Error, Result};
use redis::{Client, Connection, ConnectionAddr, ConnectionInfo, ErrorKind, RedisError, RedisResult, cmd};

/// `redis[s]://[user:password@]host[:port][,…][/database]`; with several hosts, they are nodes of a Cluster.
/// `redis[s]+sentinel://[user:password@]sentinel[:port][,…]/name[/database]`: the user and the password are those of
/// Redis; those of the Sentinels are the parameters `sentinel_username` and `sentinel_password`.
pub struct RedisWay {
    hosts: Vec<ConnectionInfo>,
    /// What the hosts are asked for if they are Sentinels.
    primary: Option<Primary>,
    /// The host that answered last.
    last: AtomicUsize,
}

struct Primary {
    name: String,
    /// All about it but the address.
    info: ConnectionInfo,
}

impl RedisWay {
    /// Connects to nothing yet.
    pub fn parse(url: &str) -> Result<Self> {
        // What the crate says of a wrong address may contain the password.
        Self::read(url).ok_or_else(|| Error::internal("REDIS_URL is no address of Redis"))
    }

    fn read(url: &str) -> Option<Self> {
        let (scheme, rest) = url.split_once("://")?;
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let (user, hosts) = authority.rsplit_once('@').unwrap_or(("", authority));
        let each = |hosts: &str, read: &dyn Fn(&str) -> Option<ConnectionInfo>| {
            hosts.split(',').map(read).collect::<Option<Vec<_>>>()
        };
        let (hosts, primary) = match scheme.strip_suffix("+sentinel") {
            None => (each(hosts, &|host| info(scheme, user, host, &format!("{path}?{query}")))?, None),
            Some(plain) => {
                let (name, database) = path.split_once('/').unwrap_or((path, ""));
                let primary = info(plain, user, "primary", database)?;
                let (user, password) = (parameter(query, "sentinel_username"), parameter(query, "sentinel_password"));
                let user = if password.is_empty() { String::new() } else { format!("{user}:{password}") };
                let hosts = each(hosts, &|host| info(plain, &user, &with_port(host), ""))?;
                let name = name.to_owned();
                (hosts, Some(Primary { name, info: primary }).filter(|primary| !primary.name.is_empty()))
            }
        };
        if scheme.ends_with("+sentinel") && primary.is_none() {
            return None;
        }
        Some(Self { hosts, primary, last: AtomicUsize::new(0) })
    }

    /// A connection to a server that accepts writes, or to any node of a Cluster. No step of it takes longer than
    /// `patience`, nor does any command.
    pub fn connect(&self, patience: Duration) -> RedisResult<Connection> {
        self.connect_by(patience).map(|(_, conn)| conn)
    }

    /// Whether it answers.
    pub fn reach(&self, patience: Duration) -> Result<()> {
        let answered = self.connect(patience).and_then(|mut conn| cmd("PING").exec(&mut conn));
        answered.map_err(|error| Error::unavailable(format!("cannot be reached: {error}")))
    }

    /// The same to the node of a Cluster that has this key.
    pub fn connect_to(&self, key: &str, patience: Duration) -> RedisResult<Connection> {
        let (info, mut conn) = self.connect_by(patience)?;
        match cmd("EXISTS").arg(key).exec(&mut conn) {
            Ok(()) => Ok(conn),
            Err(error) => match moved_to(&error) {
                Some((host, port)) => open(&at(info, host, port), patience),
                None => Err(error),
            },
        }
    }

    /// Tries the hosts one after the other, beginning with the one that answered last.
    fn connect_by(&self, patience: Duration) -> RedisResult<(ConnectionInfo, Connection)> {
        let (count, last) = (self.hosts.len(), self.last.load(Ordering::Relaxed));
        let mut failed = None;
        for number in (last..last + count).map(|number| number % count) {
            let host = &self.hosts[number];
            let found = match &self.primary {
                Some(primary) => primary.named_by(host, patience),
                None => open(host, patience).and_then(|conn| self.in_cluster(conn)).map(|conn| (host.clone(), conn)),
            };
            match found {
                Ok(found) => {
                    self.last.store(number, Ordering::Relaxed);
                    return Ok(found);
                }
                Err(error) => failed = Some(error),
            }
        }
        Err(failed.unwrap_or_else(|| (ErrorKind::InvalidClientConfig, "no host is known").into()))
    }

    /// Several hosts must be nodes of one Cluster: servers of their own would hear nothing of each other. A node that
    /// is cut off from the others says that the Cluster has failed.
    fn in_cluster(&self, mut conn: Connection) -> RedisResult<Connection> {
        if self.hosts.len() > 1 {
            let state: String = cmd("CLUSTER").arg("INFO").query(&mut conn)?;
            if !state.contains("cluster_state:ok") {
                return Err((ErrorKind::Io, "the Cluster has failed, or this node is cut off from it").into());
            }
        }
        Ok(conn)
    }
}

impl Primary {
    fn named_by(&self, sentinel: &ConnectionInfo, patience: Duration) -> RedisResult<(ConnectionInfo, Connection)> {
        let mut asked = open(sentinel, patience)?;
        let named: Option<(String, u16)> =
            cmd("SENTINEL").arg("GET-MASTER-ADDR-BY-NAME").arg(&self.name).query(&mut asked)?;
        let Some((host, port)) = named else {
            return Err((ErrorKind::InvalidClientConfig, "the Sentinels know no primary of this name").into());
        };
        let info = at(self.info.clone(), &host, port);
        let mut conn = open(&info, patience)?;
        // A Sentinel may not have heard of a failover yet.
        let role: Vec<redis::Value> = cmd("ROLE").query(&mut conn)?;
        match role.first() {
            Some(redis::Value::BulkString(role)) if role == b"master" => Ok((info, conn)),
            _ => Err((ErrorKind::Io, "what the Sentinels name is not the primary yet").into()),
        }
    }
}

/// Where a key is, if an error says that.
fn moved_to(error: &RedisError) -> Option<(&str, u16)> {
    let (host, port) = error.redirect_node()?.0.rsplit_once(':')?;
    Some((host, port.parse().ok()?))
}

fn open(info: &ConnectionInfo, patience: Duration) -> RedisResult<Connection> {
    let conn = Client::open(info.clone())?.get_connection_with_timeout(patience)?;
    conn.set_read_timeout(Some(patience))?;
    conn.set_write_timeout(Some(patience))?;
    Ok(conn)
}

fn info(scheme: &str, user: &str, host: &str, rest: &str) -> Option<ConnectionInfo> {
    let at = if user.is_empty() { "" } else { "@" };
    Some(Client::open(format!("{scheme}://{user}{at}{host}/{rest}")).ok()?.get_connection_info().clone())
}

/// The same at another address. A node of a Cluster that does not know its own name gives none.
fn at(info: ConnectionInfo, host: &str, port: u16) -> ConnectionInfo {
    let addr = match info.addr().clone() {
        ConnectionAddr::Tcp(before, _) => ConnectionAddr::Tcp(named(host, before), port),
        ConnectionAddr::TcpTls { host: before, insecure, tls_params, .. } => {
            ConnectionAddr::TcpTls { host: named(host, before), port, insecure, tls_params }
        }
        other => other,
    };
    info.set_addr(addr)
}

fn named(host: &str, before: String) -> String {
    if host.is_empty() { before } else { host.to_owned() }
}

/// Sentinels listen on another port than Redis.
fn with_port(sentinel: &str) -> String {
    let name_ends = sentinel.rfind(']').unwrap_or(0);
    if sentinel[name_ends..].contains(':') { sentinel.to_owned() } else { format!("{sentinel}:26379") }
}

fn parameter<'q>(query: &'q str, name: &str) -> &'q str {
    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    pairs.filter(|(known, _)| *known == name).map(|(_, value)| value).next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The hosts, the user and password that they get, the primary's name, and the same of it with its database.
    fn read(url: &str) -> (Vec<String>, Option<(String, String, String)>) {
        let way = RedisWay::parse(url).unwrap();
        let login = |info: &ConnectionInfo| {
            let redis = info.redis_settings();
            format!("{}:{}/{}", redis.username().unwrap_or("-"), redis.password().unwrap_or("-"), redis.db())
        };
        let tls = |info: &ConnectionInfo| matches!(info.addr(), ConnectionAddr::TcpTls { .. });
        let host =
            |info: &ConnectionInfo| format!("{}{} {}", if tls(info) { "tls " } else { "" }, info.addr(), login(info));
        let primary = way.primary.as_ref();
        let primary = primary.map(|it| (it.name.clone(), login(&it.info), format!("{}", tls(&it.info))));
        (way.hosts.iter().map(host).collect(), primary)
    }

    #[test]
    fn addresses_are_read() {
        assert_eq!(read("redis://h"), (vec!["h:6379 -:-/0".to_owned()], None));
        assert_eq!(read("rediss://u:p%40@h:1/2"), (vec!["tls h:1 u:p@/2".to_owned()], None));
        assert_eq!(read("redis://u:p@a:1,c"), (vec!["a:1 u:p/0".to_owned(), "c:6379 u:p/0".to_owned()], None));
        assert_eq!(read("redis://[::1]:2,[::1]").0.len(), 2);
        let primary = |login: &str, tls: &str| Some(("main".to_owned(), login.to_owned(), tls.to_owned()));
        assert_eq!(
            read("redis+sentinel://u:p@a,b:2/main/3?sentinel_password=s%2F"),
            (vec!["a:26379 -:s//0".to_owned(), "b:2 -:s//0".to_owned()], primary("u:p/3", "false"))
        );
        assert_eq!(
            read("rediss+sentinel://a:1/main?sentinel_username=x&sentinel_password=y"),
            (vec!["tls a:1 x:y/0".to_owned()], primary("-:-/0", "true"))
        );
    }

    #[test]
    fn wrong_addresses_are_refused_and_show_no_password() {
        for url in ["h:6379", "http://h", "redis://", "redis://:s3cret@", "redis+sentinel://:s3cret@h", "redis://h/x"] {
            let refused = RedisWay::parse(url).err().map(|error| error.to_string());
            assert!(refused.as_deref().is_some_and(|text| !text.contains("s3cret")), "{url}: {refused:?}");
        }
    }

    #[test]
    fn a_redirection_without_a_name_is_to_the_same_host() {
        let info = info("redis", "u:p", "a:1", "").unwrap();
        assert_eq!(at(info.clone(), "", 7).addr().to_string(), "a:7");
        let moved = at(info, "b", 8);
        assert_eq!((moved.addr().to_string().as_str(), moved.redis_settings().password()), ("b:8", Some("p")));
    }
}
