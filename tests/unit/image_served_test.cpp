// An image served by the real job to real node links, over loopback: what is packed travels as it is, and one that is
// damaged clones nobody.

#include "agent/link/server_link.h"
#include "server/shelf/image_source.h"
#include "tests/unit/server/image_fixture.h"

namespace ka {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

const asio::ip::address_v4 loopback = asio::ip::address_v4::loopback();

class Watcher final : public server::JobObserver {
 public:
  void event(const std::string&) override {}
  void node(const server::NodeStatus&) override {}
  void session_started(const server::Session&, unsigned, unsigned) override {}
  void session_progress(const server::Session&, const server::Progress& progress) override {
    EXPECT_EQ(progress.packed_in, 0u);  // nothing is packed here
  }
  void session_ended(const server::Session& session, std::uint64_t bytes, std::chrono::duration<double>,
                     const std::vector<std::string>&) override {
    told[session.name] = bytes;
  }
  void session_failed(const server::Session& session) override { failed.push_back(session.name); }

  std::map<std::string, std::uint64_t> told;
  std::vector<std::string> failed;
};

struct Node {
  std::string manifest, files, blocks, error;
  bool ended = false;
};

class ServedImage : public server::ImageTest {
 protected:
  // Ends when both nodes have, well or not.
  void serve(const std::string& compression = "auto") {
    server::JobPlan plan;
    plan.sessions = server::image_sessions(io_, server::open_image(folder()), compression, wire::Passphrases::none);
    plan.nodes = 2;
    plan.listen = loopback;
    plan.control_port = static_cast<std::uint16_t>(26'000 + ::getpid() % 4000);
    plan.data_port = 0;
    port_ = plan.control_port;
    job_ = server::make_job(io_, std::move(plan), watcher_);
    auto run = [this]() -> Awaitable<void> {
      result_ = co_await job_->run();
      over_ = true;
    };
    asio::co_spawn(io_, run, asio::detached);
    for (Node& node : nodes_) asio::co_spawn(io_, be(node), asio::detached);
    const auto deadline = std::chrono::steady_clock::now() + 120s;
    bool stopped = false;
    while (!over_ && std::chrono::steady_clock::now() < deadline) {
      io_.run_one_for(1s);
      if (!std::exchange(stopped, nodes_[0].ended && nodes_[1].ended) && stopped) job_->stop();
    }
    EXPECT_TRUE(over_);
  }

  Awaitable<void> be(Node& node) {
    try {
      agent::NodeIdentity identity;
      identity.hardware_address = &node == nodes_ ? "52:54:00:00:00:01" : "52:54:00:00:00:02";
      std::unique_ptr<agent::ServerLink> link;
      while (!link) {
        try {
          agent::ServerAddress server{loopback, port_};
          link = co_await agent::connect(io_, server, identity);
        } catch (const agent::ServerLost&) {
          // It looks for others of its kind first.
        }
      }
      agent::BufferSink stage2(1 << 20), manifest(1 << 20), files(64 << 20), blocks(64 << 20);
      std::string session = wire::stage2_session;
      co_await link->receive(session, stage2);
      session = wire::manifest_session;
      co_await link->receive(session, manifest);
      node.manifest = manifest.content();
      wire::DiskOffer disk{"sda", "vda", "", "", 1, ""};
      std::vector<wire::DiskOffer> disks{disk};
      co_await link->ask_to_write(disks);
      session = wire::system_session;
      co_await link->receive(session, files);
      node.files = files.content();
      session = "kainstall3";
      co_await link->receive(session, blocks);
      node.blocks = blocks.content();
      co_await link->done();
    } catch (const std::exception& error) {
      node.error = error.what();
    }
    node.ended = true;
  }

  void expect_clones() {
    for (const Node& node : nodes_) {
      EXPECT_EQ(node.error, "");
      EXPECT_EQ(wire::parse_manifest(node.manifest).golden_host, "golden");
      EXPECT_EQ(node.files, files_);
      EXPECT_EQ(node.blocks, blocks_);
    }
    EXPECT_EQ(result_.done, 2u);
    EXPECT_EQ(watcher_.told["kainstall2"], files_.size());
  }

  Watcher watcher_;
  std::unique_ptr<server::Job> job_;
  server::JobResult result_;
  std::uint16_t port_ = 0;
  bool over_ = false;
  Node nodes_[2];
};

TEST_F(ServedImage, ReachesAllNodesAsItWas) {
  make_image();
  serve();
  expect_clones();
}

TEST_F(ServedImage, IsUnpackedHereWhereThatIsAskedFor) {
  make_image();
  serve("off");
  expect_clones();
}

TEST_F(ServedImage, ThatWasNotPackedIsServedToo) {
  make_image("off");
  serve("off");
  expect_clones();
}

TEST_F(ServedImage, ThatIsDamagedClonesNobody) {
  make_image();
  damage("kainstall3.blocks.zst");
  serve();
  for (const Node& node : nodes_) {
    EXPECT_EQ(node.files, files_);
    EXPECT_EQ(node.blocks, "");
    EXPECT_NE(node.error, "");
  }
  EXPECT_EQ(result_.done, 0u);
  EXPECT_THAT(watcher_.failed, testing::Contains("kainstall3"));
}

}  // namespace
}  // namespace ka
