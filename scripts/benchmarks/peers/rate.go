// rate.go -- the same open loop by Go's net/http: rate TO RATE SECONDS, files in the environment.
// Prints p50, p99, p99.9 and the longest latency in ms, each counted from when the message was due.
package main

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net/http"
	"os"
	"sort"
	"strconv"
	"sync"
	"time"
)

func read(name string) []byte {
	data, err := os.ReadFile(os.Getenv(name))
	if err != nil {
		panic(err)
	}
	return data
}

func main() {
	rate, _ := strconv.Atoi(os.Args[2])
	seconds, _ := strconv.Atoi(os.Args[3])
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(read("CACERT"))
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 256, MaxConnsPerHost: 256,
		TLSClientConfig: &tls.Config{RootCAs: roots}}}
	body, token := read("BODY"), "Bearer "+string(read("TOKEN"))
	call := func() {
		req, _ := http.NewRequest("POST", os.Args[1], bytes.NewReader(body))
		req.Header.Set("Authorization", token)
		res, err := client.Do(req)
		if err != nil || res.StatusCode != 200 {
			panic(err)
		}
		io.Copy(io.Discard, res.Body)
		res.Body.Close()
	}
	var all sync.WaitGroup
	each := func(n int, fn func(i int)) {
		for i := 0; i < n; i++ {
			all.Add(1)
			go func(i int) {
				defer all.Done()
				fn(i)
			}(i)
		}
		all.Wait()
	}
	each(64, func(int) { call() })
	latencies := make([]float64, rate*seconds)
	began := time.Now().Add(50 * time.Millisecond)
	for i := range latencies {
		due := began.Add(time.Duration(i+1) * time.Second / time.Duration(rate))
		time.Sleep(time.Until(due))
		all.Add(1)
		go func(i int) {
			defer all.Done()
			call()
			latencies[i] = float64(time.Since(due)) / 1e6
		}(i)
	}
	all.Wait()
	sort.Float64s(latencies)
	for _, share := range []float64{0.5, 0.99, 0.999, 1} {
		fmt.Print(latencies[int(share*float64(len(latencies)))-1], " ")
	}
	fmt.Println()
}
