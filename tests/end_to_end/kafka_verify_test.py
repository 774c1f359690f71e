"""`tidemill verify` over Kafka: beside the running pipeline, after kill -9, and where retention has taken records."""

import kafka_world
import support


class Verify(kafka_world.Case):
    def verify(self, p):
        code, said = support.run_tool("verify", p.file, "--data", p.data, seconds=120, cwd=p.folder)
        return code, said.splitlines()

    def counted_pipeline(self):
        p = self.clicks()
        self.produce(3000)
        self.wait_until_read(p, 3000)
        p.kill()
        p.start().address(60)
        self.produce(3000)
        self.end()
        self.wait_until_counted(p)
        return p

    def test_final_rows_equal_those_of_the_topic_while_the_pipeline_runs_and_after(self):
        p = self.counted_pipeline()
        rows = len(self.events.wanted())
        for _ in range(2):
            code, said = self.verify(p)
            self.assertEqual((code, said), (0, [f"{rows} rows of {rows // 10} windows compared, 0 differ"]))
        self.assertEqual(kafka_world.status(p)["problems"], [])  # the group has seen nobody else
        for part in kafka_world.status(p)["partitions"]:
            self.assertEqual(part["restarts"], 0, part)
        self.assertEqual(p.terminate(), 0, p.said())
        self.assertEqual(self.verify(p)[0], 0)

    def test_windows_whose_records_are_gone_are_left_out(self):
        p = self.counted_pipeline()
        self.assertEqual(p.terminate(), 0, p.said())
        self.broker.delete_records(self.topic, 0, 500)
        code, said = self.verify(p)
        self.assertEqual(code, 0, said)
        self.assertRegex(said[0], r"^note: view users: \d+ rows not compared: records of clicks/\d before offset 500 "
                                  r"are no longer in the source$")
        self.assertRegex(said[-1], r"^\d{2,} rows of \d+ windows compared, 0 differ; \d+ not compared$")

    def test_a_broker_that_is_away_is_said(self):
        p = self.counted_pipeline()
        self.assertEqual(p.terminate(), 0, p.said())
        self.broker.kill()
        code, said = self.verify(p)
        self.assertEqual(code, 2, said)
        self.assertIn("not reachable", said[-1])


if __name__ == "__main__":
    support.main()
