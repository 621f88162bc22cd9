package client_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/client"
)

// Publish an addon, wait for the marketplace's answer, install it, and wait
// until it runs.
func Example() {
	server := httptest.NewServer(exampleServer())
	defer server.Close()

	c, err := client.New(client.Options{Marketplace: server.URL, Engine: server.URL, Token: "secret"})
	if err != nil {
		log.Fatal(err)
	}
	ctx := context.Background()

	addon, err := c.Publish(ctx, []byte(`{"name": "hello", "services": [{"service_name": "web", "image": "hello:1"}]}`))
	for err == nil && addon.Status == graft.AddonUnderReview {
		fmt.Println(addon.Name, "is", addon.Status)
		addon, err = c.WaitAddon(ctx, addon.ID, addon.Revision)
	}
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(addon.Name, "is", addon.Status)

	installation, err := c.Install(ctx, addon.ID)
	for err == nil && installation.Status == graft.StatusInstalling {
		fmt.Println(installation.Name, "is", installation.Status)
		installation, err = c.WaitInstallation(ctx, installation.ID, installation.Revision)
	}
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(installation.Name, "is", installation.Status)

	// Output:
	// hello is under_review
	// hello is approved
	// hello is installing
	// hello is active
}

// exampleServer answers as a marketplace and an engine do.
func exampleServer() http.Handler {
	mux := http.NewServeMux()
	answer := func(pattern string, status int, body string) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(status)
			_, _ = io.WriteString(w, body)
		})
	}
	answer("POST /api/v1/marketplace/addons", 201, `{"_id": "6b0342fd771242bc7f1c506c", "name": "hello", "status": "under_review", "revision": 1}`)
	answer("GET /api/v1/marketplace/addons/{id}", 200, `{"_id": "6b0342fd771242bc7f1c506c", "name": "hello", "status": "approved", "revision": 2}`)
	answer("POST /api/v1/addons", 201, `{"_id": "6b0342fd771242bc7f1c5070", "name": "hello", "status": "installing", "revision": 1}`)
	answer("GET /api/v1/addons/{id}", 200, `{"_id": "6b0342fd771242bc7f1c5070", "name": "hello", "status": "active", "revision": 2}`)
	return mux
}
