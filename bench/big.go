package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/internal/store"
)

// pageRate is how many pages a second are asked for, pageSize how many addons
// each has.
const (
	pageRate = 500
	pageSize = 50
)

// measureBig measures the pages and searches of a marketplace with so many
// addons, next to one with a hundredth of them, on both databases.
func (b *bench) measureBig(ctx context.Context, t *table, addons int) error {
	for _, db := range databases() {
		small, _, err := b.measurePages(ctx, db, addons/100)
		if err != nil {
			return err
		}
		big, resident, err := b.measurePages(ctx, db, addons)
		if err != nil {
			return err
		}
		t.add(row{
			what: "a page or a search on " + db.kind + ": 99 % within", value: milliseconds(big.P99), unit: "ms", bound: 10, decimals: 1,
			old:  "0.5 s for a list of 10,000",
			note: fmt.Sprintf("%d addons; %d a second, of %d addons each, on the same cores, after 3 s of the same; the middle one of 3 rounds; median %.1f ms", addons, pageRate, pageSize, milliseconds(big.Median)),
		})
		t.add(row{
			what: "the same with a hundredth of the addons", value: milliseconds(small.P99), unit: "ms", decimals: 1,
			note: fmt.Sprintf("median %.1f ms", milliseconds(small.Median)),
		})
		t.add(row{
			what: "resident memory of Graft on " + db.kind + " after that", value: resident, unit: "MB", bound: 150, decimals: 1,
			note: fmt.Sprintf("the marketplace alone, with %d addons", addons),
		})
	}
	return nil
}

// measurePages starts a marketplace with so many addons and asks it for pages.
func (b *bench) measurePages(ctx context.Context, db database, addons int) (l load, resident float64, err error) {
	dir := filepath.Join(b.dir, fmt.Sprint("big-", db.kind, addons))
	export := dir + ".jsonl"
	if err := writeCatalogue(ctx, dir+"-template", export, addons); err != nil {
		return l, 0, err
	}
	err = db.with(ctx, func(flags ...string) error {
		command := exec.CommandContext(ctx, b.server.binary, slices.Concat([]string{"db", "import", "--data-dir", dir, export}, flags)...)
		if output, err := command.CombinedOutput(); err != nil {
			return fmt.Errorf("graft db import: %w\n%s", err, output)
		}
		s, err := startMarketplace(ctx, b.server.binary, dir, flags...)
		if err != nil {
			return err
		}
		defer s.stop()
		paths, err := pagePaths(ctx, s.marketplace)
		if err != nil {
			return err
		}
		if l, err = askForPages(ctx, s.marketplace, paths); err != nil {
			return err
		}
		resident, err = s.resident()
		return err
	})
	return l, resident, err
}

// bigAddon is the nth addon of a catalogue: a name has ten versions, one in ten
// is a plugin, one word is in every description, others are rare.
func bigAddon(n int) *graft.Addon {
	a := &graft.Addon{
		Descriptor: graft.Descriptor{
			Name: fmt.Sprintf("addon-%05d", n/10), Version: fmt.Sprintf("1.%d.0", n%10),
			Description: fmt.Sprintf("Watches edge sites: topic%d area%d", n%1000, n%7),
			Readme:      strings.Repeat(fmt.Sprintf("Chapter%d tells of node%d and link%d. ", n%97, n%3001, n%503), 8),
			Services:    []graft.Service{{Name: fmt.Sprintf("service-%d", n%100), Image: "registry.example/team/image:1"}},
		},
		Status: graft.AddonApproved, Kind: graft.KindExtension, Publisher: fmt.Sprintf("publisher%d", n%50),
		CreatedAt: time.Date(2026, 1, 1, 0, 0, n, 0, time.UTC), Revision: 2,
		Verification: &graft.Verification{Attempts: 1, Images: []graft.ImageReport{{
			Service: fmt.Sprintf("service-%d", n%100), Image: "registry.example/team/image:1",
			Digest: "sha256:" + strings.Repeat("0", 64), Platforms: []string{"linux/amd64", "linux/arm64"},
		}}},
	}
	if n%10 == 0 {
		a.Kind, a.Replaces = graft.KindPlugin, []string{"cluster_scheduler"}
	}
	a.ID = graft.NewID(a.CreatedAt)
	a.SetDefaults()
	return a
}

// writeCatalogue writes an export of a marketplace with so many addons. What its
// rows look like is taken from the export of one with a single addon, in dir.
func writeCatalogue(ctx context.Context, dir, path string, addons int) error {
	template, err := exportOne(ctx, dir)
	if err != nil {
		return err
	}
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	defer file.Close()
	var out bytes.Buffer
	counts := map[string]int{}
	encode := func(table string, row map[string]any) {
		line, _ := json.Marshal(map[string]any{"table": table, "row": row}) // it was read from JSON
		out.Write(append(line, '\n'))
		counts[table]++
	}
	out.WriteString(template.head + "\n")
	for _, row := range template.rows["meta"] {
		encode("meta", row)
	}
	for _, table := range []string{"names", "name_keys", "versions", "addons"} {
		for n := range addons {
			a := bigAddon(n)
			for _, row := range rowsOf(table, template.rows[table][0], a, n, addons) {
				encode(table, row)
			}
			if out.Len() > 1<<20 {
				if _, err := out.WriteTo(file); err != nil {
					return err
				}
			}
		}
	}
	end, _ := json.Marshal(map[string]any{"end": counts})
	out.Write(append(end, '\n'))
	_, err = out.WriteTo(file)
	return err
}

// rowsOf returns the rows that an addon has in a table.
func rowsOf(table string, like map[string]any, a *graft.Addon, n, addons int) (rows []map[string]any) {
	row := func(fields map[string]any) {
		copied := map[string]any{}
		for name, value := range like {
			copied[name] = value
		}
		for name, value := range fields {
			copied[name] = value
		}
		rows = append(rows, copied)
	}
	first := n%10 == 0
	switch table {
	case "names":
		if first {
			row(map[string]any{"name": a.Name, "publisher": a.Publisher, "seq": n/10 + 1})
		}
	case "name_keys":
		if first {
			for _, key := range graft.LookalikeKeys(a.Name) {
				row(map[string]any{"name": a.Name, "key": key})
			}
		}
	case "versions":
		row(map[string]any{"name": a.Name, "key": a.Version})
	case "addons":
		document, _ := json.Marshal(a) // it can be encoded
		row(map[string]any{
			"id": a.ID, "name": a.Name, "version": a.Version, "seq": n + 1, "latest": n%10 == 9 || n == addons-1,
			"document": string(document), "created_at": a.CreatedAt.UnixMicro(),
		})
	}
	return rows
}

// template is what an export looks like.
type template struct {
	head string
	rows map[string][]map[string]any
}

// exportOne exports a marketplace with one approved addon.
func exportOne(ctx context.Context, dir string) (*template, error) {
	s, err := store.Open(ctx, dir)
	if err != nil {
		return nil, err
	}
	defer func() { _ = s.Close() }() // what it has was read by then
	if err := s.CreateAddon(ctx, bigAddon(0), nil); err != nil {
		return nil, err
	}
	v, err := s.ClaimVerification(ctx, "bench", time.Now(), time.Minute)
	if err != nil {
		return nil, err
	}
	if _, err := s.FinishVerification(ctx, v, func(*graft.Addon) error { return nil }); err != nil {
		return nil, err
	}
	var out bytes.Buffer
	if err := s.Export(ctx, &out); err != nil {
		return nil, err
	}
	head, rest, _ := strings.Cut(out.String(), "\n")
	t := &template{head: head, rows: map[string][]map[string]any{}}
	for line := range strings.Lines(rest) {
		var row struct {
			Table string
			Row   map[string]any
		}
		decoder := json.NewDecoder(strings.NewReader(line))
		decoder.UseNumber()
		if err := decoder.Decode(&row); err != nil {
			return nil, err
		}
		if row.Table != "" {
			t.rows[row.Table] = append(t.rows[row.Table], row.Row)
		}
	}
	return t, nil
}

// pagePaths are the pages and searches that are asked for in turn: at the front
// and far behind, for words that are common, rare and not whole, with filters.
func pagePaths(ctx context.Context, marketplace string) ([]string, error) {
	const list = "/api/v1/marketplace/addons"
	front := fmt.Sprintf("%s?limit=%d", list, pageSize)
	byName := front + "&sort=name"
	paths := []string{
		front, front + "&latest=true", front + "&sort=oldest", byName,
		front + "&q=edge", front + "&q=edge+area3", front + "&q=topic417", front + "&q=node2999", front + "&q=addon-007", front + "&q=servi",
		front + "&kind=plugin", front + "&kind=plugin&q=area5", front + "&replaces=cluster_scheduler&platform=arm64", front + "&publisher=publisher7", front + "&q=nothing",
		byName + "&q=edge", byName + "&q=area3&latest=true", byName + "&kind=plugin", byName + "&q=topic417",
	}
	for _, behind := range []struct {
		path  string
		pages int
	}{{front, 10}, {front + "&q=edge", 10}, {byName + "&q=edge", 3}} {
		path := behind.path
		for range behind.pages {
			next, err := nextPage(ctx, marketplace+path)
			if err != nil || next == "" {
				return paths, err
			}
			path = next
			paths = append(paths, path)
		}
	}
	return paths, nil
}

// nextPage returns the path of the page after a page.
func nextPage(ctx context.Context, url string) (string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return "", err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return "", fmt.Errorf("%s: %s", url, response.Status)
	}
	next, _, _ := strings.Cut(strings.TrimPrefix(response.Header.Get("Link"), "<"), ">")
	return next, nil
}
