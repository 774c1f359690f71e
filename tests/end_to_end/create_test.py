"""What `tidemill create` writes is sound, tested, and its own: nothing that is there is overwritten."""

import support


class Create(support.Case):
    def test_every_starter_checks_and_passes_its_tests(self):
        for kind in ("generate", "file", "http", "kafka"):
            name = f"my-{kind}"
            code, out = support.run_tool("create", name, "--from", kind, cwd=self.folder)
            self.assertEqual(code, 0, out)
            self.assertIn(f"tidemill run {name}.yaml", out)
            code, out = support.run_tool("check", self.folder / f"{name}.yaml")
            self.assertEqual(code, 0, out)
            code, out = support.run_tool("test", self.folder / f"{name}.yaml")
            self.assertEqual(code, 0, out)
            self.assertIn("1 passed, 0 failed", out)
            self.assertNotIn("NAME", (self.folder / f"{name}.yaml").read_text())

    def test_a_starter_runs(self):
        self.assertEqual(support.run_tool("create", "shop", cwd=self.folder)[0], 0)
        p = self.pipeline((self.folder / "shop.yaml").read_text().replace("${LISTEN:-127.0.0.1:8080}", "127.0.0.1:0"), "shop")
        p.start()
        p.address()
        self.assertEqual(p.post("orders", [{"ts": "2026-01-05T10:00:00Z", "user": "ann", "amount": 2.5}])[0], 202)
        row = support.wait_for("a row", lambda: p.rows("revenue", window="open")["rows"])[0]
        self.assertEqual((row["country"], row["orders"], row["total"]), ("unknown", 1, 2.5))

    def test_nothing_is_overwritten_and_names_are_checked(self):
        (self.folder / "shop.yaml").write_text("mine")
        code, out = support.run_tool("create", "shop", cwd=self.folder)
        self.assertEqual(code, 1)
        self.assertIn("File exists", out)
        self.assertEqual((self.folder / "shop.yaml").read_text(), "mine")
        for arguments, why in ((["../shop"], "can't be a name"), ([], "what is it called?"), (["Shop"], "can't be a name"),
                               (["x", "--from", "carrier-pigeon"], "there is no starter for carrier-pigeon"),
                               (["x", "y"], "unexpected argument y"), (["x", "--from"], "--from needs")):
            code, out = support.run_tool("create", *arguments, cwd=self.folder)
            self.assertEqual(code, 78, out)
            self.assertIn(why, out)


if __name__ == "__main__":
    support.main()
