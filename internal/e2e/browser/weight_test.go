package browser_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/graftplatform/graft"
)

// The first page is small, however many addons there are: more of them come when
// somebody wants to see them.
func TestManyAddons(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	image := s.image("app")
	const many = 300
	next := make(chan int)
	var publishers sync.WaitGroup
	for range 8 {
		publishers.Go(func() {
			for i := range next {
				words := strings.Repeat(fmt.Sprintf("What addon %d does, and why somebody wants it. ", i), 20)
				descriptor := fmt.Sprintf(`{"name":"Addon %03d","description":%q,"readme":%q,"services":[{"service_name":"service-%d","image":%q}]}`,
					i, words, words, i, image)
				if addon, err := s.verified([]byte(descriptor)); err != nil || addon.Status != graft.AddonApproved {
					t.Errorf("addon %d: %+v, %v", i, addon, err)
				}
			}
		})
	}
	for i := range many {
		next <- i
	}
	close(next)
	publishers.Wait()

	p := s.tab()
	p.open("/?sort=name")
	p.see("Addon 000")
	p.weighsAtMost(150_000)
	shown := `(n) => document.querySelectorAll("#results .addon").length === n`
	p.until("there is one page of them", shown, 30)
	p.stay(func() {
		p.click("Show more")
		p.until("there are two pages of them", shown, 60)
	})
}
