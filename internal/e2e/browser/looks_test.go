package browser_test

import (
	"bytes"
	"context"
	"image"
	"image/color"
	"image/png"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

// look is how somebody looks at a page.
type look struct {
	scheme string
	width  int64
	suffix string // of its picture's name
}

// looks are those that every page is to look good in.
var looks = []look{
	{light, usualWidth, ""},
	{dark, usualWidth, "-dark"},
	{light, narrowWidth, "-narrow"},
}

// mostHeight of a picture, in pixels: documents have no room for more.
const mostHeight = 1100

// pictures are the pages of which pictures are kept, in every look.
var pictures = []string{
	"marketplace", "marketplace-empty", "marketplace-table", "addon", "install", "installed", "installation", "logs", "components",
	"uninstall", "publish", "publish-json", "review", "audit", "tokens", "settings", "about", "sign-in",
}

// looksGood looks at a page in every way that people may, and fails if it has
// barriers or does not fit. With an album it takes the pictures that are kept.
func (p *tab) looksGood(name string) {
	p.t.Helper()
	for _, look := range looks {
		p.look(look.scheme, look.width)
		p.accessible()
		p.fits()
		if p.album != "" && slices.Contains(pictures, name) {
			p.picture(filepath.Join(p.album, name+look.suffix+".png"), look)
		}
	}
	p.look(light, usualWidth)
}

// picture takes a picture of the page from its top, as it looks now.
func (p *tab) picture(path string, look look) {
	p.t.Helper()
	var height float64
	p.evaluate(&height, `() => { scrollTo(0, 0); document.activeElement.blur(); return document.documentElement.scrollHeight; }`)
	p.awaitFrame()
	var shot []byte
	p.do("picture", chromedp.ActionFunc(func(ctx context.Context) (err error) {
		shot, err = page.CaptureScreenshot().WithCaptureBeyondViewport(true).
			WithClip(&page.Viewport{Width: float64(look.width), Height: min(height, mostHeight), Scale: 1}).Do(ctx)
		return err
	}))
	small, err := indexed(shot)
	if err == nil {
		err = os.WriteFile(path, small, 0o644)
	}
	if err != nil {
		p.t.Fatal(err)
	}
}

// indexed returns a PNG with its 256 most frequent colours, which is half as large:
// pages have few colours, and many between those of a letter and its ground.
func indexed(data []byte) ([]byte, error) {
	whole, err := png.Decode(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	bounds, count := whole.Bounds(), map[color.Color]int{}
	for y := range bounds.Dy() {
		for x := range bounds.Dx() {
			count[whole.At(x, y)]++
		}
	}
	colours := slices.SortedFunc(maps.Keys(count), func(a, b color.Color) int { return count[b] - count[a] })
	small := image.NewPaletted(bounds, colours[:min(len(colours), 256)])
	nearest := map[color.Color]uint8{}
	for y := range bounds.Dy() {
		for x := range bounds.Dx() {
			c := whole.At(x, y)
			index, known := nearest[c]
			if !known {
				index = uint8(small.Palette.Index(c))
				nearest[c] = index
			}
			small.SetColorIndex(x, y, index)
		}
	}
	var file bytes.Buffer
	encoder := png.Encoder{CompressionLevel: png.BestCompression}
	err = encoder.Encode(&file, small)
	return file.Bytes(), err
}
