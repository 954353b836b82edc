# SPDX-License-Identifier: ISC
# plot.gp: data (row, ratio, least, most, target, label), svg, machine: set by report.sh.
set terminal svg size 1000,780 dynamic noenhanced font "sans-serif,13" background "white"
set output svg
set datafile separator "\t"
stats data using 1 nooutput
n = int(STATS_records)
set title "letterbox beside its peers: how many times better"
set label 1 machine at screen 0.5, screen 0.018 center font "sans-serif,10"
set logscale x
set xrange [0.1:200]
set yrange [n + 0.8:0.2]
set xlabel "times faster, or cheaper, than the peer (1: the same)"
set ytics ()
set for [i=1:1] border 1
set tics nomirror
set grid x lc rgb "#dddddd"
set arrow 1 from 1, 0.2 to 1, n + 0.8 nohead lc rgb "#888888" lw 1.5
set lmargin 52
set bmargin 5
set key bottom right
set style fill solid 0.85 noborder
plot data using (1):1:(1):2:($1 - 0.3):($1 + 0.3):ytic(6) with boxxyerror lc rgb "#4878a8" title "median", \
     data using 2:1:3:4 with xerrorbars pt 0 lc rgb "#203850" lw 1.2 title "least and most of the pairs", \
     data using 5:1 with points pt 2 ps 1.1 lw 2 lc rgb "#c03020" title "target"
