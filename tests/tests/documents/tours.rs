//! The examples in the README, in the pages about people and messages, and in `examples/` run unchanged: repeatedly, concurrently, and on a server with data.

use std::process::{Command, Output};

use clowder_tests::{Database, World, root};

/// The block of the README that readers paste into a shell.
fn readme_tour(url: &str) -> String {
    let text = std::fs::read_to_string(root().join("README.md")).unwrap();
    let lines = text
        .lines()
        .skip_while(|line| !line.starts_with("    ( set -e"))
        .take_while(|line| !line.starts_with(char::is_alphabetic));
    let tour: String = lines.map(|line| format!("{}\n", line.strip_prefix("    ").unwrap_or(line))).collect();
    assert!(tour.contains("URL=http://127.0.0.1:8080\n") && tour.trim_end().ends_with(')'), "{tour}");
    tour.replace("http://127.0.0.1:8080", url)
}

/// All examples of a page, in order.
fn examples(page: &str, url: &str) -> String {
    let text = std::fs::read_to_string(root().join("docs").join(page)).unwrap();
    let blocks: Vec<_> = text.split("```sh\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
    assert!(blocks.len() >= 6, "{blocks:?}");
    format!("set -e\n{}", blocks.concat().replace("http://127.0.0.1:8080", url))
}

async fn run(mut command: Command) -> Output {
    let ran = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let told = format!("{}{}", String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
    assert!(ran.status.success(), "{told}");
    ran
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_tours_can_be_run_again_and_at_once() {
    let world = World::new(Database::sqlite()).await;
    let url = format!("http://{}", world.server.address);
    let tour = || {
        let mut shell = Command::new("sh");
        shell.args(["-c", &readme_tour(&url)]);
        run(shell)
    };
    let example = || {
        let mut example = Command::new(root().join("examples/two_people.sh"));
        example.arg(&url);
        run(example)
    };
    let messaging = || {
        let mut shell = Command::new("sh");
        shell.args(["-c", &examples("messaging.md", &url)]);
        run(shell)
    };
    for _ in 0..2 {
        let told = String::from_utf8_lossy(&messaging().await.stdout).into_owned();
        for says in [
            "Trip to Ghent\nmember\nTrue\n",
            "\nPerhaps we could\n",
            "\n4\n",
            "\n1\n",
            "client_id.mismatch",
            "\nsent\n",
            "\ndelivered\n",
            "\nread\n",
            "message.stale",
            "unwanted",
            "\"content\":null",
            "\"format\":\"clowder.chat\"",
        ] {
            assert!(told.contains(says), "{says}: {told}");
        }
        let (one, other, ..) = tokio::join!(tour(), tour(), example(), example());
        for told in [one, other] {
            let text = String::from_utf8_lossy(&told.stdout).into_owned();
            assert!(text.contains("Shall we have lunch?") && text.contains("\"unread_count\":1"), "{text}");
        }
    }
}

/// The walk says what its calls print, in this order.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_walk_through_people_prints_what_the_page_says() {
    let world = World::new(Database::sqlite()).await;
    let url = format!("http://{}", world.server.address);
    for _ in 0..2 {
        let mut shell = Command::new("sh");
        shell.args(["-c", &examples("people.md", &url)]);
        let told = String::from_utf8_lossy(&run(shell).await.stdout).into_owned();
        let mut rest = told.as_str();
        for says in [
            "\nNone\nLikes engines\n",
            "We met in Turin\naccepted\nLikes engines\n",
            "['friend_request', 'friend_request', 'friend.added']\n",
            "Shall we have lunch?",
            "\n1\n",
            "Engine club\nmember\n",
            "Hello, club",
            "chat.unknown",
            "Babbage\n",
            "co_owner\n",
            "\nnone\n",
            "user.unknown",
            "pet.unknown",
            "False\n",
            "chat.closed",
        ] {
            let (_, after) = rest.split_once(says).unwrap_or_else(|| panic!("{says}: {told}"));
            rest = after;
        }
    }
}
