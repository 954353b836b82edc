# started on Wed Nov 25 18:11:54 2026


 Performance counter stats for '../speed-w/b1/msend -l /dev/shm/l':

             65.34 msec task-clock                       #    0.044 CPUs utilized          
              3882      context-switches                 #   59.415 K/sec                  
                 6      cpu-migrations                   #   91.831 /sec                   
                27      page-faults                      #  413.239 /sec                   
   <not supported>      cycles                                                      
   <not supported>      instructions                                                
   <not supported>      branches                                                    
   <not supported>      branch-misses                                               

       1.479092281 seconds time elapsed

       0.020549000 seconds user
       0.061649000 seconds sys


