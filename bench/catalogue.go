package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/client"
)

// publishers is how many authors publish side by side.
const publishers = 16

func addonName(number int) string { return fmt.Sprintf("bench-%05d", number) }

// measurePublish fills the marketplace, and then as much another one on
// PostgreSQL.
func (b *bench) measurePublish(ctx context.Context, t *table, addons int) error {
	syncs, err := syncsPerSecond(filepath.Join(b.dir, "syncs"))
	if err != nil {
		return err
	}
	lite, err := b.publishAll(ctx, b.client, addons)
	if err != nil {
		return err
	}
	var postgres published
	err = onPostgres(ctx, func(flags ...string) error {
		// Its images are in the registry that there is already.
		s, err := startMarketplace(ctx, b.server.binary, filepath.Join(b.dir, "published"), flags...)
		if err != nil {
			return err
		}
		defer s.stop()
		client, err := s.client()
		if err != nil {
			return err
		}
		postgres, err = b.publishAll(ctx, client, addons)
		return err
	})
	if err != nil {
		return err
	}
	for _, on := range []struct {
		kind string
		published
	}{{"SQLite", lite}, {"PostgreSQL", postgres}} {
		t.add(row{
			what: "POST of addons on " + on.kind, value: on.posts, unit: "/s", bound: 300, lower: true,
			note: fmt.Sprintf("durable; %d addons, %d authors, verification at the same time", addons, publishers),
		})
		t.add(row{
			what: "images verified on " + on.kind, value: on.images, unit: "/s", bound: 50, lower: true,
			note: "one for each addon; from the first POST to the last approval",
		})
	}
	t.add(row{what: "write + fsync of 4 KiB", value: syncs, unit: "/s", note: "by one writer on the same disk, to compare"})
	return nil
}

// published is how many addons and images a second a marketplace took in.
type published struct{ posts, images float64 }

// publishAll publishes so many addons and waits until all are approved.
// Verification runs at the same time, as it would.
func (b *bench) publishAll(ctx context.Context, market *client.Client, addons int) (p published, err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	numbers := make(chan int)
	ids := make([]string, addons)
	var authors sync.WaitGroup
	begin := time.Now()
	for range publishers {
		authors.Go(func() {
			for n := range numbers {
				addon, err := market.Publish(ctx, b.descriptor(addonName(n), ""))
				if err != nil {
					cancel(err)
					continue
				}
				ids[n] = addon.ID
			}
		})
	}
	for n := range addons {
		numbers <- n
	}
	close(numbers)
	authors.Wait()
	p.posts = float64(addons) / time.Since(begin).Seconds()
	if err := context.Cause(ctx); err != nil {
		return p, err
	}
	err = awaitApproved(ctx, market, ids)
	p.images = float64(addons) / time.Since(begin).Seconds()
	return p, err
}

func awaitApproved(ctx context.Context, market *client.Client, ids []string) error {
	for _, id := range ids {
		addon, err := market.Addon(ctx, id)
		for err == nil && addon.Status == graft.AddonUnderReview {
			addon, err = market.WaitAddon(ctx, id, addon.Revision)
		}
		if err != nil {
			return err
		}
		if addon.Status != graft.AddonApproved {
			return fmt.Errorf("addon %s is %s", addon.Name, addon.Status)
		}
	}
	return nil
}

// measureSearch asks for addons by name, and then a bare HTTP handler for the
// same bytes.
func (b *bench) measureSearch(ctx context.Context, t *table, addons int) error {
	const query = "/api/v1/marketplace/addons?name="
	body, err := fetch(ctx, b.server.marketplace+query+addonName(0))
	if err != nil {
		return err
	}
	graft, err := generate(ctx, b.server.marketplace+query+"bench-%05d", addons)
	if err != nil {
		return err
	}
	resident, err := b.server.resident()
	if err != nil {
		return err
	}
	bareCtx, cancel := context.WithCancel(ctx)
	defer cancel()
	url, err := bare(bareCtx, bytes.NewReader(body))
	if err != nil {
		return err
	}
	reference, err := generate(ctx, url+query+"bench-%05d", addons)
	if err != nil {
		return err
	}
	t.add(row{
		what: "GET ?name=", value: graft.rate(), unit: "/s", bound: 2000, lower: true,
		note: fmt.Sprintf("%d addons, 16 clients on the same cores; median %.1f ms, 99 %% within %.1f ms",
			addons, milliseconds(graft.Median), milliseconds(graft.P99)),
	})
	t.add(row{what: "GET from a bare handler", value: reference.rate(), unit: "/s", note: fmt.Sprintf("the same bytes and clients, to compare: Graft does %.2f × that", graft.rate()/reference.rate())})
	t.add(row{what: "resident memory after that", value: resident, unit: "MB", decimals: 1})
	return nil
}

func fetch(ctx context.Context, url string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return nil, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err == nil && (response.StatusCode != http.StatusOK || len(body) < 10) {
		err = fmt.Errorf("%s: %s: %s", url, response.Status, body)
	}
	return body, err
}

// syncsPerSecond is how often the disk can make a small write durable.
func syncsPerSecond(path string) (float64, error) {
	file, err := os.Create(path)
	if err != nil {
		return 0, err
	}
	defer file.Close()
	page := make([]byte, 4096)
	begin, count := time.Now(), 0
	for time.Since(begin) < time.Second {
		if _, err := file.Write(page); err != nil {
			return 0, err
		}
		if err := file.Sync(); err != nil {
			return 0, err
		}
		count++
	}
	return float64(count) / time.Since(begin).Seconds(), nil
}
